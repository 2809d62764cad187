"""What the checks of demo 4 say."""

SENTENCES = {
    # the checks
    "Demo 4 · Streams, and a client that survives its upstream": (
        "Demo 4 · Streams, y un cliente que sobrevive a su upstream"
    ),
    "POST /generate/stream sends deltas, then the request id and the metadata, then [DONE], as text/event-stream": (
        "POST /generate/stream envía deltas, luego el id de la petición y metadata, luego [DONE], como "
        "text/event-stream"
    ),
    "Each token arrives while the model still works on the next: nothing is held back, on our routes and OpenAI's": (
        "Cada token llega mientras el modelo trabaja en el siguiente: nada se retiene, en nuestras rutas y en las de "
        "OpenAI"
    ),
    "The tokens and the cost of a stream are the upstream's own count, in the metadata and in the log": (
        "Los tokens y el coste de un stream son los que cuenta el upstream, en metadata y en el log"
    ),
    "POST /v1/chat/completions streams OpenAI's chunks to [DONE], with a usage chunk only on request": (
        "POST /v1/chat/completions envía los chunks de OpenAI hasta [DONE], con el de usage solo si se pide"
    ),
    "POST /v1/chat/completions and GET /v1/models answer as OpenAI does, errors too: 400 and 404 model_not_found": (
        "POST /v1/chat/completions y GET /v1/models contestan como OpenAI, con errores: 400 y 404 model_not_found"
    ),
    "Fields of OpenAI's API that this service does not read reach the upstream, and its answer comes back complete": (
        "Los campos de la API de OpenAI que este servicio no lee llegan al upstream, y su respuesta vuelve entera"
    ),
    "POST /v1/infer answers as /generate does, whole and streamed, with max_new_tokens in params": (
        "POST /v1/infer contesta como /generate, entera y en stream, con max_new_tokens en params"
    ),
    "POST /generate/batch: an answer or an error for each prompt, in order, at most MAX_CONCURRENT at a time": (
        "POST /generate/batch: una respuesta o un error por prompt, en orden, y como mucho MAX_CONCURRENT a la vez"
    ),
    "Before the first token, a failure gets an honest status, never a 200, and a retry first if that may help": (
        "Antes del primer token, un fallo da un status honesto, nunca un 200, y antes un reintento si puede ayudar"
    ),
    "A stream that is cut after its first token ends in an error event, without [DONE], and is never retried": (
        "Un stream cortado después de su primer token acaba en un evento de error, sin [DONE], y no se reintenta nunca"
    ),
    "When the client leaves, the upstream call is cancelled at once, and what it used until then is charged": (
        "Si el cliente se va, la llamada al upstream se cancela en el acto, y se cobra lo que usó hasta entonces"
    ),
    "A silent stream is kept alive with comments, and ended after STREAM_SILENCE_TIMEOUT seconds": (
        "Un stream callado se mantiene vivo con comentarios, y se termina a los STREAM_SILENCE_TIMEOUT segundos"
    ),
    "An upstream that says when to retry (retry-after-ms, Retry-After, x-ratelimit-reset) is asked then, not earlier": (
        "A un upstream que dice cuándo reintentar (retry-after-ms, Retry-After, x-ratelimit-reset) se le pregunta "
        "entonces, no antes"
    ),
    "When everything fails, {requests:n} requests make at most 20 % more upstream calls, plus the reserve": (
        "Si todo falla, {requests} peticiones hacen como mucho un 20 % más de llamadas al upstream, más la reserva"
    ),
    "{failures:n} failures in a row open the breaker: 503 with Retry-After at once, and no upstream call": (
        "{failures} fallos seguidos abren el breaker: 503 con Retry-After en el acto, y ninguna llamada al upstream"
    ),
    "After CIRCUIT_BREAKER_TIMEOUT_SEC exactly {probes:n} of many calls go through; one failure reopens it": (
        "Pasado CIRCUIT_BREAKER_TIMEOUT_SEC, de muchas llamadas pasan justo {probes}; un fallo lo vuelve a abrir"
    ),
    "{successes:n} successful probes close the breaker: all calls go through again, and old failures are forgotten": (
        "{successes} sondas con éxito cierran el breaker: todo vuelve a pasar, y los fallos viejos se olvidan"
    ),
    "When the upstream is down, the next of FALLBACKS answers, and the reply says so; not for an invalid request": (
        "Con el upstream caído contesta el siguiente de FALLBACKS, y la respuesta lo dice; con peticiones inválidas, no"
    ),
    "With all slots and the queue full, the next call gets 503 with Retry-After at once; queued calls are answered": (
        "Con los slots y la cola llenos, la siguiente llamada recibe 503 con Retry-After en el acto; las de la cola, "
        "respuesta"
    ),
    "A call gets the time that its work needs: more than TIMEOUT for a long answer, never more than TIMEOUT_MAX": (
        "Una llamada tiene el tiempo que su trabajo pide: más que TIMEOUT si es larga, nunca más que TIMEOUT_MAX"
    ),
    # streams
    "data: [DONE] at the end": "data: [DONE] al final",
    "an end after [DONE]": "un final después de [DONE]",
    'events {{"delta": "…"}} before the metadata': 'eventos {{"delta": "…"}} antes de metadata',
    "events whose data is JSON, or [DONE]": "eventos cuyo data sea JSON, o [DONE]",
    'an event {{"request_id": …, "metadata": {{…}}}} after the last delta': (
        'un evento {{"request_id": …, "metadata": {{…}}}} después del último delta'
    ),
    "the text of /generate, in pieces: {text}…": "el texto de /generate, en trozos: {text}…",
    '"request_id": "{id}", as the header X-Request-ID says': '"request_id": "{id}", como dice la cabecera X-Request-ID',
    "metadata with {names}": "metadata con {names}",
    '"time_to_first_token_ms" of at most {ms:n}, the "latency_ms"': (
        '"time_to_first_token_ms" de {ms} como mucho, que es "latency_ms"'
    ),
    'the text "otrofin"': 'el texto "otrofin"',
    'the text "{text}", as sent so far': 'el texto "{text}", lo enviado hasta ahora',
    "{tokens}, all that the upstream has sent, while it works on the next": (
        "{tokens}, todo lo que el upstream ha enviado, mientras trabaja en el siguiente"
    ),
    "1 token": "1 token",
    "{count:n} tokens": "{count} tokens",
    "a cost over 0": "un coste mayor que 0",
    "the tokens {tokens}": "los tokens {tokens}",
    '"cost_usd": {cost}': '"cost_usd": {cost}',
    "over 0": "mayor que 0",
    # OpenAI's API
    "no chunk with usage unless the caller asks for it": "ningún chunk con usage si no se pide",
    'one chunk with "choices": [] and the usage': 'un chunk con "choices": [] y usage',
    "{count:n} such chunks": "{count} chunks así",
    "the usage, added up, in the last chunk": "usage, sumado, en el último chunk",
    '"object": "chat.completion.chunk" in each event': '"object": "chat.completion.chunk" en cada evento',
    "one id in all chunks of an answer": "un solo id en todos los chunks de una respuesta",
    "one finish_reason": "un solo finish_reason",
    "text in the deltas": "texto en los deltas",
    "one choice with a message": "un choice con un message",
    "a finish_reason": "un finish_reason",
    "an id": "un id",
    "the usage": "usage",
    "200 without a model: there is a default": "200 sin modelo: hay uno por defecto",
    "for an invalid request": "para una petición inválida",
    "for a model that does not exist": "para un modelo que no existe",
    "{model:w} among the models": "{model} entre los modelos",
    "the tool's call in the answer": "la llamada a la herramienta en la respuesta",
    "chunks of both choices": "chunks de los dos choices",
    "logprobs in each chunk": "logprobs en cada chunk",
    "200 for unknown fields": "200 con campos desconocidos",
    "guided_regex and of_next_year at the upstream": "guided_regex y of_next_year en el upstream",
    # /v1/infer and batches
    "the answer of /generate: {text}": "la respuesta de /generate: {text}",
    "the same in pieces: {text}": "lo mismo en trozos: {text}",
    "2 to {most:n} upstream calls at the same time": "de 2 a {most} llamadas al upstream al mismo tiempo",
    "{count:n} at the same time": "{count} al mismo tiempo",
    "{count:n} results": "{count} resultados",
    "an error for the blank prompt": "un error para el prompt en blanco",
    "{count:n} in total, 1 of them failed": "{count} en total, y 1 fallida",
    "{count:n} tokens in total": "{count} tokens en total",
    "at place {place:n} the answer to that prompt alone: {text}": (
        "en el lugar {place}, la respuesta a ese prompt solo: {text}"
    ),
    # failures before and after the first token
    "when the upstream always answers 500": "si el upstream siempre contesta 500",
    "when the upstream rejects the request": "si el upstream rechaza la petición",
    "for a stream of nonsense": "para un stream sin sentido",
    "no [DONE] after half an answer": "ningún [DONE] tras media respuesta",
    "the {count:n} tokens that came before the cut": "los {count} tokens que llegaron antes del corte",
    "1 upstream call": "1 llamada al upstream",
    'a last event {{"error": {{message, type, param, code, request_id}}}}': (
        'un último evento {{"error": {{message, type, param, code, request_id}}}}'
    ),
    '"request_id": "{id}" in the error, as the header X-Request-ID says': (
        '"request_id": "{id}" en el error, como dice la cabecera X-Request-ID'
    ),
    "an end of the stream after its error": "el final del stream después de su error",
    # clients that leave, and silence
    "a log line with what the call used until then": "una línea de log con lo que la llamada usó hasta entonces",
    "no upstream call in flight once the client has left": (
        "ninguna llamada en curso al upstream cuando el cliente se ha ido"
    ),
    "one after {seconds:n} seconds": "una a los {seconds} segundos",
    "an upstream call that was cancelled": "una llamada al upstream que se canceló",
    "{bound:n} seconds of silence with a comment every {keepalive:n} take too long to look at; start the service with "
    "STREAM_SILENCE_TIMEOUT=1.5 STREAM_KEEPALIVE_SEC=0.3, and tell the grader the same": (
        "{bound} segundos de silencio con un comentario cada {keepalive} son demasiado para mirarlos; arranca el "
        "servicio con STREAM_SILENCE_TIMEOUT=1.5 STREAM_KEEPALIVE_SEC=0.3, y dile lo mismo al evaluador"
    ),
    "an end after {seconds:n} seconds of silence": "un final tras {seconds} segundos de silencio",
    "an error after {seconds:n} seconds of silence": "un error tras {seconds} segundos de silencio",
    "after {seconds:n} seconds": "a los {seconds} segundos",
    "a comment after {seconds:n} seconds of silence": "un comentario tras {seconds} segundos de silencio",
    # an upstream that says when, and the retry budget
    "200, once the upstream's limit is over": "200, cuando ha pasado el límite del upstream",
    "a pause of {seconds:n} seconds or a little more": "una pausa de {seconds} segundos o un poco más",
    "one of {seconds:n} seconds": "una de {seconds} segundos",
    "at once, because an hour is longer than any deadline": "en el acto, porque una hora pasa de cualquier plazo",
    "Retry-After: 3600, the upstream's own": "Retry-After: 3600, el del upstream",
    "502 for each of them": "502 para cada una",
    "at most {most:n} upstream calls": "como mucho {most} llamadas al upstream",
    "some retries nevertheless": "algunos reintentos a pesar de todo",
    # the breaker
    "no upstream call {why}": "ninguna llamada al upstream {why}",
    "when the upstream answers 500": "si el upstream contesta 500",
    "after probes that failed": "tras sondas que fallaron",
    "after one failure of a half-open breaker": "tras un fallo con el breaker medio abierto",
    "after {count:n} failures in a row": "tras {count} fallos seguidos",
    "for a probe {seconds:n} seconds later": "para una sonda {seconds} segundos después",
    "for a probe": "para una sonda",
    "for a probe that the upstream rejects": "para una sonda que el upstream rechaza",
    "for probe {number:n} of {all:n}": "para la sonda {number} de {all}",
    "for a probe, however earlier calls ended": "para una sonda, acabaran como acabaran las llamadas anteriores",
    '"half_open" after {seconds:n} seconds': '"half_open" a los {seconds} segundos',
    '"open" for {seconds:n} seconds': '"open" durante {seconds} segundos',
    "{status:n} for a call that began before the breaker opened": (
        "{status} para una llamada que empezó antes de que se abriera el breaker"
    ),
    "200 after {count:n} failures and a success": "200 tras {count} fallos y un éxito",
    "when the upstream rejects the request, however often": (
        "si el upstream rechaza la petición, por muchas veces que sea"
    ),
    "a refusal in {ms:n} ms or less": "un rechazo en {ms} ms o menos",
    "{ms:n} ms, the median": "{ms} ms, la mediana",
    "a Retry-After of {least:n} to {most:n} s": "un Retry-After de {least} a {most} s",
    "200: an open breaker is no reason to restart the process": (
        "200: un breaker abierto no es motivo para reiniciar el proceso"
    ),
    "{probes:n} of {crowd:n} calls reach the upstream": "{probes} de {crowd} llamadas llegan al upstream",
    "503 for the other {count:n}": "503 para las otras {count}",
    "503 for {count:n}": "503 para {count}",
    "an answer for {count:n}": "una respuesta para {count}",
    "200 after {count:n} new failures: the old ones are forgotten": (
        "200 tras {count} fallos nuevos: los viejos están olvidados"
    ),
    "{count:n} calls admitted at once when it is closed": "{count} llamadas admitidas a la vez cuando está cerrado",
    "{count:n} of them": "{count}",
    "200 for all {count:n}": "200 para las {count}",
    "an upstream call that ends when the client leaves": "una llamada al upstream que acaba cuando el cliente se va",
    "it goes on": "sigue",
    # fallbacks
    "it needs the model {model} of the embedded server, which this service does not ask": (
        "necesita el modelo {model} del servidor incluido, al que este servicio no llama"
    ),
    "it needs a service started with FALLBACKS, and that upstream; without a URL the grader starts both": (
        "necesita un servicio arrancado con FALLBACKS, y ese upstream; sin URL, el evaluador arranca los dos"
    ),
    "no fallback in the metadata while the upstream works": "ningún fallback en metadata mientras el upstream funciona",
    '"fallback": "{model}@{host}" in the metadata': '"fallback": "{model}@{host}" en metadata',
    "200 from {host}, the fallback": "200 de {host}, la alternativa",
    "2 calls at the fallback": "2 llamadas a la alternativa",
    "{count:n} calls": "{count} llamadas",
    "{status:n}: this is not a case for a fallback": "{status}: esto no es un caso para la alternativa",
    "no call at the fallback": "ninguna llamada a la alternativa",
    # the queue, and the time for a call
    "{room:n} of {crowd:n} answered with 200, and 503 for the others": (
        "{room} de {crowd} contestadas con 200, y 503 para las demás"
    ),
    "{answered:n} answered with 200, {shed:n} with 503": "{answered} contestadas con 200, {shed} con 503",
    "503 while the others still wait": "503 mientras las demás siguen esperando",
    "{count:n} answers until then": "{count} respuestas hasta entonces",
    "503 at once, within {ms:n} ms": "503 en el acto, en {ms} ms",
    "503 after {ms:n} ms": "503 a los {ms} ms",
    "{count:n} upstream calls at a time": "{count} llamadas al upstream a la vez",
    "{count:n} at a time": "{count} a la vez",
    "200 for a long answer, although it takes longer than TIMEOUT={seconds:n}": (
        "200 para una respuesta larga, aunque tarde más que TIMEOUT={seconds}"
    ),
    "after {seconds:n} seconds, the most that a call may take": (
        "a los {seconds} segundos, lo máximo que puede tardar una llamada"
    ),
}
