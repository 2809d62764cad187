"""What the checks of demo 1 say."""

SENTENCES = {
    # the checks
    "Demo 1 · One guarded endpoint": "Demo 1 · Un endpoint protegido",
    "The API key comes from the environment, and never appears in replies, in the log or in the output": (
        "La clave de la API viene del entorno, y no aparece nunca en las respuestas, en el log ni en la salida"
    ),
    "A prompt of MAX_CHARS characters is answered; with one more the reply is 422, without an upstream call": (
        "Un prompt de MAX_CHARS caracteres recibe respuesta; con uno más es un 422, sin llamar al upstream"
    ),
    "An invalid request gets a 422 that names the field, and does not affect the next request": (
        "Una petición inválida recibe un 422 que nombra el campo, y no afecta a la siguiente"
    ),
    "A hanging upstream leads to a 504 at the deadline, not later, and retries do not move the deadline": (
        "Un upstream colgado da un 504 al cumplirse el plazo, no después, y los reintentos no mueven el plazo"
    ),
    "The deadline counts from the request's arrival: a slow body uses up part of it": (
        "El plazo cuenta desde que llega la petición: un cuerpo que llega despacio gasta una parte"
    ),
    "After two 429s, or one 503, an answer is a 200; constant 500s are a 502, after 1 + MAX_RETRIES calls": (
        "Tras dos 429, o un 503, la respuesta es un 200; si todo son 500, un 502 tras 1 + MAX_RETRIES llamadas"
    ),
    "The pauses between tries start at about RETRY_DELAY, double each time, and differ from call to call": (
        "Las pausas entre intentos empiezan en RETRY_DELAY, se duplican cada vez, y varían de una llamada a otra"
    ),
    "A 400 from the upstream is not retried: the same request would be just as wrong": (
        "Un 400 del upstream no se reintenta: la misma petición volvería a estar mal"
    ),
    "A 429 is retried after its Retry-After, or not at all; then the client gets a 429 with Retry-After": (
        "Un 429 se reintenta tras su Retry-After, o no se reintenta: entonces el cliente recibe un 429 con Retry-After"
    ),
    "Upstream failures are never a 500: 503 if it refuses connections, 502 if its reply makes no sense": (
        "Un fallo del upstream nunca es un 500: 503 si rechaza conexiones, 502 si su respuesta no tiene sentido"
    ),
    "Each request, answered or refused, writes one JSON log line with the agreed fields and correct numbers": (
        "Cada petición, contestada o rechazada, escribe en el log una línea JSON con los campos acordados y sus números"
    ),
    "Prompts and answers never appear in the log or in the output, not even when a request fails": (
        "Ni prompts ni respuestas aparecen en el log o en la salida, tampoco cuando una petición falla"
    ),
    "Every reply has an X-Request-ID, also in the body: the client's own if it is valid, otherwise a new one": (
        "Toda respuesta lleva un X-Request-ID, también en el cuerpo: el del cliente si es válido, o uno nuevo"
    ),
    "Token counts are the upstream's own, not an estimate": (
        "Los tokens son los que cuenta el upstream, no una estimación"
    ),
    "Cost is tokens / 1e6 × the input or output price, in USD with 6 decimals; price_source says which price": (
        "El coste es tokens / 1e6 × el precio de entrada o de salida, en USD con 6 decimales; price_source dice cuál"
    ),
    "latency_ms covers the whole wait, upstream included, and never exceeds what the client measured": (
        "latency_ms abarca toda la espera, también la del upstream, y nunca supera lo que midió el cliente"
    ),
    "GET /health says healthy, with service, timestamp, version and uptime, whatever the upstream does": (
        "GET /health dice healthy, con service, timestamp, version y uptime, haga lo que haga el upstream"
    ),
    "404, 405 with Allow, 413, 415 and 431 use the common error envelope, with the request id": (
        "404, 405 con Allow, 413, 415 y 431 usan el sobre común de los errores, con el id de la petición"
    ),
    "While {calls:n} generations are in flight, /health still answers: nothing blocks the process": (
        "Con {calls} generaciones en curso, /health sigue contestando: nada bloquea el proceso"
    ),
    "100 requests, 10 at a time: all of them are answered with 200": (
        "100 peticiones, de 10 en 10: todas reciben un 200"
    ),
    # the API key
    "5xx: a caller must not be told to log in when our own key is refused": (
        "5xx: si lo rechazado es nuestra propia clave, no hay que decirle a quien llama que se identifique"
    ),
    "a reply without the key in it": "una respuesta en la que no esté la clave",
    "a log without the key in it": "un log en el que no esté la clave",
    "the key": "la clave",
    # limits and validation
    "for {count:n} characters": "con {count} caracteres",
    "a message with both numbers, {one:n} and {other:n}": "un mensaje con los dos números, {one} y {other}",
    "no upstream call for a prompt that is too long": "ninguna llamada al upstream con un prompt demasiado largo",
    "unless the body is a JSON object": "si el cuerpo no es un objeto JSON",
    # time-outs
    "{status:w} after {seconds:n} seconds": "{status} a los {seconds} segundos",
    "the call to the upstream cancelled too": "la llamada al upstream, cancelada también",
    "it still waits for an answer": "sigue esperando una respuesta",
    "502 or 504 within {seconds:n} seconds, retries included": "502 o 504 en {seconds} segundos, reintentos incluidos",
    "an answer within {seconds:n} seconds": "una respuesta en {seconds} segundos",
    "504 about {seconds:n} seconds after the end of the body": (
        "504 unos {seconds} segundos después del final del cuerpo"
    ),
    "504 after {seconds:n}": "504 a los {seconds}",
    "504 after {seconds:n} seconds": "504 a los {seconds} segundos",
    # retries
    "{times:n} upstream calls": "{times} llamadas al upstream",
    "{times:n} upstream calls, and {answer}": "{times} llamadas al upstream, y {answer}",
    "when the upstream stays broken": "si el upstream sigue roto",
    "growth shows only with MAX_RETRIES of 3 or more": "el crecimiento solo se ve con MAX_RETRIES de 3 o más",
    "pauses between tries": "pausas entre los intentos",
    "pauses of {pauses:ns} seconds": "pausas de {pauses} segundos",
    "pauses of about {pauses:ns} seconds": "pausas de unos {pauses} segundos",
    "no second try": "ningún segundo intento",
    "{calls:n} calls that fail together, retried in parallel about {delay:n} seconds later": (
        "{calls} llamadas que fallan juntas, reintentadas en paralelo unos {delay} segundos después"
    ),
    "{calls:n} of them tried again": "{calls} lo intentaron otra vez",
    "pauses with jitter: {calls:n} calls that do not all take the same time": (
        "pausas con jitter: {calls} llamadas que no tarden todas lo mismo"
    ),
    "{times:ns} seconds": "{times} segundos",
    # the upstream's errors
    "the upstream's own Retry-After: {seconds:n}": "el Retry-After del upstream: {seconds}",
    "a second try {seconds:n} s later, as the upstream asks": (
        "un segundo intento {seconds} s después, como pide el upstream"
    ),
    "after {seconds:n} s": "a los {seconds} s",
    "a Retry-After in whole seconds": "un Retry-After en segundos enteros",
    "for a reply that is not a completion": "para una respuesta que no es una completion",
    "502 or 503 for a connection that breaks": "502 o 503 para una conexión que se corta",
    "when the upstream refuses connections": "si el upstream rechaza conexiones",
    # the log
    "a log line with {expected}": "una línea de log con {expected}",
    '"latency_ms": {least:n} to {most:n}, the client\'s own': (
        '"latency_ms": de {least} a {most}, lo que midió el cliente'
    ),
    '"latency_ms": {least:n} to {most:n}': '"latency_ms": de {least} a {most}',
    '"model": "{model}", the requested one': '"model": "{model}", el que se pidió',
    "one line per request": "una línea por petición",
    "a log without prompts": "un log sin prompts",
    "a prompt, with its word {word}": "un prompt, con su palabra {word}",
    "a log without answers": "un log sin respuestas",
    "the answer: {text}…": "la respuesta: {text}…",
    # request ids
    '"request_id": "{id}" in the error': '"request_id": "{id}" en el error',
    "an X-Request-ID on every reply, no two the same": "un X-Request-ID en cada respuesta, todos distintos",
    "an X-Request-ID of the service's own": "un X-Request-ID del propio servicio",
    "the X-Request-ID as request_id in the error": "el X-Request-ID como request_id en el error",
    # tokens and cost
    '"cost_usd": {cost:n} for {tokens_in:n} tokens in, {tokens_out:n} out': (
        '"cost_usd": {cost} con {tokens_in} tokens de entrada y {tokens_out} de salida'
    ),
    "the grader has no price for {model}; grade the service in front of the embedded server": (
        "el evaluador no tiene precio para {model}; evalúa el servicio con el servidor incluido detrás"
    ),
    '"price_source": "{source}" for {model}': '"price_source": "{source}" para {model}',
    # health, HTTP, load
    "an uptime that grows": "un uptime que crece",
    "{first:n}, then {second:n}": "{first}, y después {second}",
    "200 at once": "200 en el acto",
    "names of service and version": "los nombres del servicio y de la versión",
    '"timestamp": seconds since 1970': '"timestamp": segundos desde 1970',
    '"uptime": seconds since the start': '"uptime": segundos desde el arranque',
    "200 while {calls:n} generations are in flight": "200 con {calls} generaciones en curso",
    "200 for each of {calls:n} generations that are in flight together": (
        "200 para cada una de {calls} generaciones en curso a la vez"
    ),
    "100 of 100 answered with 200": "100 de 100 contestadas con 200",
    "{count:n}; the first other one: {answer}": "{count}; la primera de las otras: {answer}",
}
