"""What the checks of demo 2 say."""

SENTENCES = {
    # the checks
    "Demo 2 · Who may call, and how often": "Demo 2 · Quién puede llamar, y cada cuánto",
    "No token, or Bearer anonymous, means a stranger; unknown tokens get 401 with WWW-Authenticate on every route": (
        "Sin token, o con Bearer anonymous, se es un desconocido; un token que no existe recibe 401 con "
        "WWW-Authenticate en todas las rutas"
    ),
    "Malformed credentials in Authorization get 401 (or 400) at once, and break nothing": (
        "Unas credenciales mal formadas en Authorization reciben 401 (o 400) en el acto, y no rompen nada"
    ),
    "A token never appears in the log, the output, a reply or a table, not even when it is refused": (
        "Un token no aparece nunca en el log, la salida, una respuesta o una tabla, ni siquiera cuando se rechaza"
    ),
    "With API_KEYS_REQUIRED a stranger gets 401 on every working route, and /health stays open": (
        "Con API_KEYS_REQUIRED, un desconocido recibe 401 en todas las rutas de trabajo, y /health sigue abierta"
    ),
    "A revoked token is refused within TOKEN_CACHE_TTL, and other tokens are not": (
        "Un token revocado se rechaza en menos de TOKEN_CACHE_TTL, y los demás no"
    ),
    "While the database is down, new tokens get 503, never 401, and known callers go on; then everything recovers": (
        "Con la base de datos caída, un token nuevo recibe 503, nunca 401, y los conocidos siguen; después todo vuelve"
    ),
    "A window admits RATE_LIMIT_RPM + RATE_LIMIT_BURST requests, one by one or all at once; the next gets 429": (
        "Una ventana admite RATE_LIMIT_RPM + RATE_LIMIT_BURST peticiones, de una en una o de golpe; la siguiente, 429"
    ),
    "The window slides: requests on both sides of a fixed window's edge do not exceed the limit either": (
        "La ventana se desliza: las peticiones a ambos lados del borde de una ventana fija tampoco superan el límite"
    ),
    "Retry-After is true: a caller that waits that long is admitted, and it is not a second too long": (
        "Retry-After dice la verdad: quien espera eso es admitido, y no sobra ni un segundo"
    ),
    "Refused requests do not count: a caller that keeps knocking gets in as early as one that waits": (
        "Las peticiones rechazadas no cuentan: quien sigue insistiendo entra tan pronto como quien espera"
    ),
    "Each caller has a separate limit, and so does each endpoint in RATE_LIMIT_OVERRIDES": (
        "Cada quien tiene su propio límite, y también cada endpoint de RATE_LIMIT_OVERRIDES"
    ),
    "Strangers, with Bearer anonymous or without a token, are limited by address; callers with a token are not": (
        "Los desconocidos, con Bearer anonymous o sin token, tienen un límite por dirección; quien trae token, no"
    ),
    "X-Forwarded-For counts only from TRUSTED_PROXIES: nobody else gets a new address with it": (
        "X-Forwarded-For solo vale si viene de TRUSTED_PROXIES: nadie más consigue con ella otra dirección"
    ),
    "Concurrent calls never use more than RATE_LIMIT_TPM in total: each reserves what it may use": (
        "Las llamadas simultáneas nunca usan en total más que RATE_LIMIT_TPM: cada una reserva lo que puede usar"
    ),
    "Unused reservations are returned: the rest after a short answer, all of it after a failed call": (
        "Lo reservado que no se usa se devuelve: lo que sobra tras una respuesta corta, todo si la llamada falla"
    ),
    "x-ratelimit-* and RateLimit are correct about limit, remaining and reset, on answers and on refusals": (
        "x-ratelimit-* y RateLimit dicen bien el límite, lo que queda y cuándo se renueva, con respuesta y con rechazo"
    ),
    "GET /usage says who is calling, and counts every request, token and dollar": (
        "GET /usage dice quién llama, y cuenta cada petición, cada token y cada dólar"
    ),
    "A caller with a spent budget is refused until the month ends, and nobody else is": (
        "Quien ha gastado su presupuesto es rechazado hasta fin de mes, y nadie más"
    ),
    "Four workers with Redis share one limit, however many connections come at once": (
        "Cuatro workers con Redis comparten un solo límite, lleguen las conexiones que lleguen a la vez"
    ),
    "Redis frozen or dead: every call is still answered, and the limit still holds": (
        "Con Redis congelado o muerto, toda llamada recibe respuesta, y el límite se mantiene"
    ),
    # tokens
    "for a token that does not exist": "para un token que no existe",
    "for a revoked token": "para un token revocado",
    "for a stranger": "para un desconocido",
    "for credentials that cannot be a token, whatever the database does": (
        "para unas credenciales que no pueden ser un token, haga lo que haga la base de datos"
    ),
    "no upstream call for a bad token": "ninguna llamada al upstream con un token que no vale",
    "401, or 400 for a malformed header": "401, o 400 si la cabecera está mal formada",
    "an answer at once": "una respuesta en el acto",
    "200 for a good token afterwards": "200 para un token bueno, después",
    "a reply without the token": "una respuesta sin el token",
    "the token": "el token",
    "a log without tokens": "un log sin tokens",
    "a token": "un token",
    "a database without tokens: their hash is enough": "una base de datos sin tokens: basta con su hash",
    "200: a load balancer has no token": "200: un balanceador de carga no tiene token",
    "401 within {seconds:n} seconds of make revoke USER=leaver": (
        "401 como mucho {seconds} segundos después de make revoke USER=leaver"
    ),
    "200 for a token that was verified a moment ago": "200 para un token que se verificó hace un momento",
    "503, not 401: the caller did nothing wrong": "503, no 401: quien llama no ha hecho nada mal",
    "while nobody can know whether a token is good": "mientras nadie pueda saber si un token es bueno",
    "a Retry-After": "un Retry-After",
    "200 once the database is back": "200 cuando la base de datos ha vuelto",
    # the window
    "429 for the {nth:n}th request within {window:n} seconds": "429 para la petición {nth} en {window} segundos",
    "a Retry-After of at most {seconds:n}": "un Retry-After de {seconds} como mucho",
    "200 after the {seconds:n} seconds that Retry-After asked for": (
        "200 tras los {seconds} segundos que pedía Retry-After"
    ),
    "200 for a stranger at another address": "200 para un desconocido de otra dirección",
    "200 for another client of the same trusted proxy": "200 para otro cliente del mismo proxy de confianza",
    "200 or 429": "200 o 429",
    "200, or 429 over the limit": "200, o 429 por encima del límite",
    "429 after {limit:n} requests in {window:n} seconds": "429 tras {limit} peticiones en {window} segundos",
    "{count:n} requests admitted in {seconds:n} seconds": "{count} peticiones admitidas en {seconds} segundos",
    "429 for the requests above {limit:n}": "429 para las peticiones por encima de {limit}",
    "{count:n} requests admitted": "{count} peticiones admitidas",
    "at most {limit:n} requests in any {window:n} seconds": (
        "como mucho {limit} peticiones en {window} segundos cualesquiera"
    ),
    "{count:n} admitted within {window:n} seconds": "{count} admitidas en {window} segundos",
    "{limit:n} requests admitted in {window:n} seconds, refused ones not counted": (
        "{limit} peticiones admitidas en {window} segundos, sin contar las rechazadas"
    ),
    "{count:n} of {all:n} refused with fewer than that in the window": (
        "{count} de {all} rechazadas con menos que eso en la ventana"
    ),
    # tokens of the model
    "{calls:n} calls cannot use {limit:n} tokens; start the service with RATE_LIMIT_TPM=400": (
        "{calls} llamadas no pueden usar {limit} tokens; arranca el servicio con RATE_LIMIT_TPM=400"
    ),
    "at most {limit:n} tokens {within}": "como mucho {limit} tokens {within}",
    "within {window:n} seconds": "en {window} segundos",
    "{used:n} tokens in {calls:n} calls at once": "{used} tokens en {calls} llamadas a la vez",
    "at least {least:n} of {calls:n} calls answered": "al menos {least} de {calls} llamadas contestadas",
    "{count:n} answered": "{count} contestadas",
    "a 4xx for more tokens than the limit of {limit:n}": "un 4xx para más tokens que el límite de {limit}",
    "no Retry-After: no wait will help": "ningún Retry-After: esperar no sirve de nada",
    "answers are as long as the limit; start the service with RATE_LIMIT_TPM=400": (
        "las respuestas son tan largas como el límite; arranca el servicio con RATE_LIMIT_TPM=400"
    ),
    "200: of {all:n} tokens the first call used about {used:n}": (
        "200: de {all} tokens, la primera llamada usó unos {used}"
    ),
    "400, as from the upstream: the failed calls before it used no tokens": (
        "400, como del upstream: las llamadas fallidas de antes no usaron tokens"
    ),
    "200: failed calls use no tokens": "200: las llamadas fallidas no usan tokens",
    # headers
    "{spent:n} tokens, or a few more, subtracted from the remaining ones": (
        "{spent} tokens, o algunos más, restados de los que quedaban"
    ),
    "{reserved:n} taken": "{reserved} restados",
    "x-ratelimit-reset-requests: {least:n}s to {most:n}s": "x-ratelimit-reset-requests: de {least}s a {most}s",
    "{header:w}: at most {window:n}s": "{header}: {window}s como mucho",
    "a t of 1 to {most:n} in RateLimit": "una t de 1 a {most} en RateLimit",
    "{header:w}: a whole number": "{header}: un número entero",
    "none": "ninguno",
    # usage and budgets
    "nothing counted for {caller}": "nada contado para {caller}",
    "after {spent:n} of 0.00001 USD": "tras gastar {spent} de 0.00001 USD",
    "a Retry-After within this month": "un Retry-After que no pase de este mes",
    "{spent:n} USD spent, 0 remaining": "{spent} USD gastados, 0 disponibles",
    # Redis
    "an answer that does not wait for Redis": "una respuesta que no espera a Redis",
    "a share of the limit for every worker": "una parte del límite para cada worker",
    "no call admitted": "ninguna llamada admitida",
}
