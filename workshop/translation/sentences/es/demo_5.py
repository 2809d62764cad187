"""What the checks of demo 5 say."""

SENTENCES = {
    # the checks
    "Demo 5 · See it, and be told": "Demo 5 · Verlo, y que te avisen",
    "GET /metrics has the documented names and types, without labels where PromQL divides one by another": (
        "GET /metrics tiene los nombres y tipos documentados, sin etiquetas donde PromQL divide unos por otros"
    ),
    "Each request is counted once, streams and cached answers too, however many upstream calls it took": (
        "Cada petición se cuenta una vez, también los streams y lo guardado en caché, costara las llamadas que costara"
    ),
    "Faults are counted: 4xx, 5xx, limit hits, an open breaker; a broken stream is a 5xx, a client that leaves is "
    "not": (
        "Los fallos se cuentan: 4xx, 5xx, límites, un breaker abierto; un stream roto es un 5xx, un cliente que se "
        "va, no"
    ),
    "Tokens and cost are those in the answers and in the log, also for streams, broken ones and abandoned ones": (
        "Tokens y coste son los de las respuestas y el log, también en streams, rotos o abandonados"
    ),
    "Cache hits and misses are counted: shared answers are hits, and a request that bypasses the cache is neither": (
        "Se cuentan aciertos y fallos de caché: lo compartido es un acierto; lo que se salta la caché, ni una cosa ni "
        "otra"
    ),
    "A request's time includes its wait in the queue: the queue shows who waits, and the histogram shows the wait": (
        "El tiempo de una petición incluye su espera en la cola: la cola muestra quién espera; el histograma, cuánto"
    ),
    "The time to a stream's first token is measured in seconds, from the request's arrival, once, only for streams": (
        "El tiempo hasta el primer token se mide en segundos desde que llega la petición, una vez, y solo en streams"
    ),
    "Labels are bounded: models, tokens and paths that clients invent never appear in /metrics": (
        "Las etiquetas están acotadas: los modelos, tokens y rutas que inventa un cliente nunca aparecen en /metrics"
    ),
    "With {workers:n} workers the numbers are right, whichever worker answers: all requests, tokens, dollars, memory": (
        "Con {workers} workers los números son correctos, conteste quien conteste: peticiones, tokens, dólares, memoria"
    ),
    "A request is one trace: one span per layer, in the layers' order, and one for the model call with its usage": (
        "Una petición es una traza: un span por capa, en el orden de las capas, y uno de la llamada al modelo con su "
        "uso"
    ),
    "Retries are one call in the trace: one client span around all of them, with one event per try": (
        "Los reintentos son una llamada en la traza: un span de cliente que los envuelve, con un evento por intento"
    ),
    "W3C trace context goes in and out: the request joins the caller's trace, and the upstream gets our span's id": (
        "El trace context del W3C entra y sale: la petición se une a la traza de quien llama, y el upstream recibe el "
        "id "
        "de nuestro span"
    ),
    "The log line names the trace, and the trace of a failed request says that it failed": (
        "La línea de log nombra la traza, y la traza de una petición fallida dice que falló"
    ),
    "GET /health reports on its parts at once and calls no upstream, even if the upstream hangs; GET /ready says 503": (
        "GET /health informa en el acto de sus partes sin llamar al upstream, aunque esté colgado; GET /ready dice 503"
    ),
    "The debug routes empty caches and close breakers, for administrators only; nobody else gets in": (
        "Las rutas de debug vacían cachés y cierran breakers, solo para administradores; nadie más entra"
    ),
    "A webhook counts only if it is complete, recent and signed with our secret: others get 401 and change nothing": (
        "Un webhook solo vale si está completo, es reciente y va firmado con nuestro secreto: los demás reciben 401 y "
        "no "
        "cambian nada"
    ),
    "A signed webhook takes effect once: an alert fires, a repeated delivery changes nothing, the alert resolves": (
        "Un webhook firmado tiene efecto una vez: la alerta salta, una entrega repetida no cambia nada, y se resuelve"
    ),
    "Browser pages from CORS_ORIGINS may call the service and read its errors; no other page may": (
        "Las páginas de CORS_ORIGINS pueden llamar al servicio y leer sus errores; ninguna otra puede"
    ),
    "The alert CostBurnsTooFast fires at twice the budget of all models together, not after one minute, and not for "
    "ever": (
        "La alerta CostBurnsTooFast salta al doble del presupuesto de todos los modelos, no tras un minuto, ni para "
        "siempre"
    ),
    "cost_per_request sets off AnomalyDetected when requests become expensive, and not when there are more, or too "
    "few": (
        "cost_per_request dispara AnomalyDetected cuando las peticiones se encarecen, no cuando hay más, o muy pocas"
    ),
    # names and types
    "inference_request_duration_ms like {other}: {names}": "inference_request_duration_ms como {other}: {names}",
    "the metric {metric}, of type {type}": "la métrica {metric}, de tipo {type}",
    "type {type:w}": "tipo {type}",
    "no metric {metric}": "ninguna métrica {metric}",
    "one {metric}, without labels": "un {metric}, sin etiquetas",
    "{metric:w} over {number:n}": "{metric} mayor que {number}",
    # counts
    "{metric:w} to grow by {by:n}": "que {metric} crezca en {by}",
    "it grew by {by:n}": "creció en {by}",
    "for a blank prompt": "para un prompt en blanco",
    "from an open breaker, after {count:n} failed requests": "de un breaker abierto, tras {count} peticiones fallidas",
    "400,000 tokens do not lead to a 429 here; start the service with RATE_LIMIT_TPM=100000": (
        "400.000 tokens no llevan aquí a un 429; arranca el servicio con RATE_LIMIT_TPM=100000"
    ),
    "no call shared an answer: several workers have separate caches; start it with one worker": (
        "ninguna llamada compartió una respuesta: varios workers tienen cachés separadas; arráncalo con un solo worker"
    ),
    # the queue and the first token
    "{count:n} calls at the same time are too many to fill from here; start the service with "
    "HTTP_MAX_CONNECTIONS={slots:n}, and tell the grader the same": (
        "{count} llamadas a la vez son demasiadas para llenarlas desde aquí; arranca el servicio con "
        "HTTP_MAX_CONNECTIONS={slots}, y dile lo mismo al evaluador"
    ),
    "{metric:w} {least:n} while they wait": "{metric} {least} mientras esperan",
    "{metric:w} to grow by {least:n} or more: {slots:n} at a time, held for {seconds:n} s": (
        "que {metric} crezca en {least} o más: {slots} a la vez, retenidas {seconds} s"
    ),
    "no more than the {seconds:n} s that clients waited": "no más que los {seconds} s que esperaron los clientes",
    "inference_queue_depth 0 once all are answered": "inference_queue_depth 0 cuando todas tienen respuesta",
    "{metric:w} to grow by {least:n} to {most:n}, when the first token came": (
        "que {metric} crezca entre {least} y {most}, cuando llegó el primer token"
    ),
    "it grew by {by:n}; the stream ended after {seconds:n} seconds": (
        "creció en {by}; el stream acabó a los {seconds} segundos"
    ),
    # labels
    "no label with a name that clients invented": "ninguna etiqueta con un nombre que inventó un cliente",
    "{count:n} of them, {some}": "{count}, {some}",
    "at most {count:n} new series": "como mucho {count} series nuevas",
    "at most {size:n} bytes": "como mucho {size} bytes",
    "{size:n} bytes": "{size} bytes",
    # workers
    "{metric:w} {number:n}, whichever worker answers": "{metric} {number}, conteste el worker que conteste",
    "process_memory_bytes of all workers together, much more than the largest one's": (
        "process_memory_bytes de todos los workers juntos, mucho más que el del mayor"
    ),
    "{all:n}, and {largest:n} for the largest": "{all}, y {largest} el mayor",
    # traces
    "a trace with a span named POST {path}": "una traza con un span llamado POST {path}",
    "no such trace": "ninguna traza así",
    "a single root span, POST {path}": "un solo span raíz, POST {path}",
    "kind {kind} of {span}": "{span} de clase {kind}",
    "one span of kind {kind}, around all tries": "un span de clase {kind}, que envuelva todos los intentos",
    "a span for each of {layers}": "un span para cada una de {layers}",
    "none for {layers}": "ninguno para {layers}",
    "{inner:w} within {outer:w}": "{inner} dentro de {outer}",
    "a trace as long as its stream, {ms:n} ms": "una traza tan larga como su stream, {ms} ms",
    "a span named chat {model}": "un span llamado chat {model}",
    "the attributes {attributes}": "los atributos {attributes}",
    'three events named "try" on it': 'tres eventos llamados "try" en él',
    "{count:n} of them in {events}": "{count} en {events}",
    "no error in the end": "ningún error al final",
    "a trace with the caller's own id, {id}": "una traza con el id de quien llama, {id}",
    "the caller's span {id} as its parent": "el span {id} de quien llama, como su padre",
    'a log line with "trace_id": "{id}"': 'una línea de log con "trace_id": "{id}"',
    "traceparent: {start} at the upstream": "traceparent: {start} en el upstream",
    "a new trace if the caller's id is invalid": "una traza nueva si el id de quien llama no es válido",
    "status ERROR of {span}": "status ERROR en {span}",
    "no error in the trace of a 200": "ningún error en la traza de un 200",
    # health and debug routes
    "200 from GET /ready while the upstream answers": "200 de GET /ready mientras el upstream contesta",
    "within {ms:n} ms, whatever the upstream does": "en {ms} ms, haga lo que haga el upstream",
    "no upstream call for {count:n} times GET /health": "ninguna llamada al upstream por {count} veces GET /health",
    "{count:n} connections": "{count} conexiones",
    "from GET /ready when the upstream does not answer": "de GET /ready si el upstream no contesta",
    '"checks" with {names}': '"checks" con {names}',
    "none of {names}": "ninguna de {names}",
    "numbers in the memory part: its use, and its limit": "números en la parte de memoria: su uso, y su límite",
    "401 or 403 for anybody but an administrator": "401 o 403 para quien no sea administrador",
    "from a breaker that nobody has reset": "de un breaker que nadie ha reiniciado",
    "200 and a JSON object for an administrator": "200 y un objeto JSON para un administrador",
    "upstream calls again once the breakers are reset": (
        "otra vez llamadas al upstream cuando se reinician los breakers"
    ),
    # webhooks
    "it needs the service's WEBHOOK_HMAC_SECRET; set it to the same value for the grader": (
        "necesita el WEBHOOK_HMAC_SECRET del servicio; ponle el mismo valor al evaluador"
    ),
    "over MAX_BODY_BYTES": "por encima de MAX_BODY_BYTES",
    "200 for a correctly signed webhook": "200 para un webhook bien firmado",
    "200 for a resolved alert": "200 para una alerta resuelta",
    # CORS
    "it needs one origin in CORS_ORIGINS; start the service with it, and tell the grader the same": (
        "necesita un origen en CORS_ORIGINS; arranca el servicio con él, y dile lo mismo al evaluador"
    ),
    "200 or 204 for a preflight, without a token": "200 o 204 para un preflight, sin token",
    "Access-Control-Allow-Methods with POST": "Access-Control-Allow-Methods con POST",
    "Access-Control-Allow-Headers with authorization and content-type": (
        "Access-Control-Allow-Headers con authorization y content-type"
    ),
    "Vary: Origin, or caches confuse the pages": "Vary: Origin, o las cachés confunden las páginas",
    "no Access-Control-Allow-Origin for {origin}": "ningún Access-Control-Allow-Origin para {origin}",
    # rules for Prometheus
    "promtool, which tests a rule with a simulated clock, is not installed: {how}": (
        "no está instalado promtool, que prueba una regla con un reloj simulado: {how}"
    ),
    "rules that promtool can read": "reglas que promtool pueda leer",
    "a rule with the name {name}": "una regla con el nombre {name}",
    "none of that name": "ninguna con ese nombre",
    "{rule:w}: {must} (minute {minute} of the test)": "{rule}: {must} (minuto {minute} de la prueba)",
    "it did not fire": "no saltó",
    "it fired": "saltó",
    # what cost_alert.test.yml and business_metric.test.yml say of the two
    "it must be quiet before": "antes tiene que estar callada",
    "twice the budget, shared by two models, for a quarter of an hour must fire": (
        "con el doble del presupuesto, entre dos modelos, durante un cuarto de hora tiene que saltar"
    ),
    "twice the budget, shared by two models, must fire as long as it lasts": (
        "con el doble del presupuesto, entre dos modelos, tiene que sonar mientras dure"
    ),
    "a quarter of the budget must not fire, however much was spent before": (
        "con un cuarto del presupuesto no puede saltar, se haya gastado antes lo que se haya gastado"
    ),
    "twice the budget, at two addresses, for a quarter of an hour must fire": (
        "con el doble del presupuesto, en dos direcciones, durante un cuarto de hora tiene que saltar"
    ),
    "half an hour after the overspending ends, the alert must have ended too": (
        "media hora después de que acabe el exceso de gasto, la alerta también tiene que haber acabado"
    ),
    "one expensive minute must wake nobody": "un minuto caro no puede despertar a nadie",
    "a restart must wake nobody": "un reinicio no puede despertar a nadie",
    "it must be quiet while all is as usual": "tiene que estar callada mientras todo va como siempre",
    "requests four times as expensive, for twenty minutes, must fire, whatever was spent before": (
        "con peticiones cuatro veces más caras, durante veinte minutos, tiene que saltar, se gastara antes lo que se "
        "gastara"
    ),
    "spending that moves from one model to another must call nobody": (
        "un gasto que pasa de un modelo a otro no puede llamar a nadie"
    ),
    "four times as many requests at the usual price must call nobody": (
        "cuatro veces más peticiones al precio de siempre no pueden llamar a nadie"
    ),
    "cheaper requests must call nobody": "unas peticiones más baratas no pueden llamar a nadie",
    "two requests a minute must call nobody": "dos peticiones por minuto no pueden llamar a nadie",
}
