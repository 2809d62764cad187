"""What the checks of demo 3 say."""

SENTENCES = {
    # the checks
    "Demo 3 · Pay once for the same answer": "Demo 3 · Paga una sola vez por la misma respuesta",
    "The same question again is a hit, and says so: X-Cache, metadata.cached, the same answer, a new request id": (
        "La misma pregunta otra vez es un acierto, y lo dice: X-Cache, metadata.cached, la misma respuesta, otro id"
    ),
    "Asking the same question five times costs one upstream call": (
        "Hacer cinco veces la misma pregunta cuesta una llamada al upstream"
    ),
    "A hit takes at most {ms:n} ms, and at most a tenth of the upstream's time": (
        "Un acierto tarda como mucho {ms} ms, y como mucho una décima parte de lo que tarda el upstream"
    ),
    "A hit costs nothing, in the reply and in the log, and says how many tokens it saved": (
        "Un acierto no cuesta nada, ni en la respuesta ni en el log, y dice cuántos tokens ha ahorrado"
    ),
    "A different prompt, model, max_tokens or temperature is a different question, never a hit": (
        "Con otro prompt, otro modelo, otro max_tokens u otra temperatura es otra pregunta, nunca un acierto"
    ),
    "A sampled answer (temperature above 0) is not cached: a caller that asks for randomness gets it": (
        "Una respuesta sorteada (temperatura mayor que 0) no se guarda en la caché: quien pide azar lo recibe"
    ),
    "Two callers never share an answer: not two users, nor a user and a stranger": (
        "Nunca se comparte una respuesta entre dos que llaman: ni entre usuarios, ni con un desconocido"
    ),
    "Cache-Control: no-cache asks the model again and caches its answer; no-store caches nothing": (
        "Cache-Control: no-cache pregunta otra vez al modelo y guarda su respuesta; no-store no guarda nada"
    ),
    "An error is not cached: the next equal question goes to the upstream again": (
        "Un error no se guarda en la caché: la siguiente pregunta igual vuelve a ir al upstream"
    ),
    "A cached answer expires after CACHE_RESPONSES_TTL seconds, however often it is used": (
        "Una respuesta guardada caduca a los CACHE_RESPONSES_TTL segundos, por mucho que se use"
    ),
    "The cache stays within CACHE_MAX_SIZE entries and CACHE_MAX_MEMORY_MB: new answers evict old ones": (
        "La caché no pasa de CACHE_MAX_SIZE entradas ni de CACHE_MAX_MEMORY_MB: lo nuevo expulsa a lo viejo"
    ),
    "The cache evicts the least recently used answer": (
        "La caché expulsa la respuesta que hace más tiempo que no se usa"
    ),
    "{count:n} equal questions at once make one upstream call: one caller pays, and all get its answer": (
        "{count} preguntas iguales a la vez son una llamada al upstream: paga uno, y todos reciben su respuesta"
    ),
    "If the first caller leaves, the others that asked the same question still get their answer": (
        "Si el primero se va, los demás que hicieron la misma pregunta reciben su respuesta de todos modos"
    ),
    "POST /summarize answers in the format of /generate, and has its own cache for summaries": (
        "POST /summarize contesta con el formato de /generate, y tiene su propia caché de resúmenes"
    ),
    "GET /cache/stats has correct numbers: entries, hits, misses, hit rate, bytes": (
        "GET /cache/stats da números correctos: entradas, aciertos, fallos, tasa de aciertos, bytes"
    ),
    "Cached questions are answered even while the upstream is down": (
        "Las preguntas guardadas reciben respuesta incluso con el upstream caído"
    ),
    "With CACHE_BACKEND=redis two services share answers; losing Redis causes no errors, and it is used once it is "
    "back": (
        "Con CACHE_BACKEND=redis dos servicios comparten respuestas; perder Redis no da errores, y vuelve a usarse "
        "cuando regresa"
    ),
    # hits
    "X-Cache: miss (or bypass)": "X-Cache: miss (o bypass)",
    '"cached": {cached} in the metadata': '"cached": {cached} en metadata',
    'the first answer: "output": "{text}…"': 'la primera respuesta: "output": "{text}…"',
    "a request id of its own": "un id de petición propio",
    "{id:w}, the first request's": "{id}, el de la primera petición",
    "one request id, in the header and in the body": "un solo id de petición, en la cabecera y en el cuerpo",
    "1 upstream call for 5 equal questions": "1 llamada al upstream para 5 preguntas iguales",
    "hits in {ms:n} ms or less": "aciertos en {ms} ms o menos",
    "{ms:n} ms, the fastest of ten": "{ms} ms, el más rápido de diez",
    "a first answer with a cost": "una primera respuesta con un coste",
    '"cost_usd": 0 for a hit': '"cost_usd": 0 en un acierto',
    'the answer\'s own "tokens": {tokens}': 'los "tokens" de la propia respuesta: {tokens}',
    '"cost_usd": {cost:n}, then 0 in the log': '"cost_usd": {cost}, y después 0, en el log',
    "another question, so no hit": "otra pregunta, así que ningún acierto",
    "an error when the upstream has failed": "un error cuando el upstream ha fallado",
    "200 once the upstream works again": "200 cuando el upstream vuelve a funcionar",
    "too many questions for this caller here; make tokens, and set {variable} to them": (
        "demasiadas preguntas para quien llama aquí; crea tokens, y ponlos en {variable}"
    ),
    # time to live, and size
    "no hit after {seconds:n} seconds": "ningún acierto pasados {seconds} segundos",
    "one at {seconds:n}": "uno a los {seconds}",
    "hits for {seconds:n} seconds": "aciertos durante {seconds} segundos",
    "{hits:n} hits, and no more at {seconds:n}": "{hits} aciertos, y ninguno más a los {seconds}",
    '"{name}": {number:n} when {seconds:n} seconds have passed': (
        '"{name}": {number} cuando han pasado {seconds} segundos'
    ),
    '"evictions": {evicted:n}: of {all:n} answers {left:n} are left': (
        '"evictions": {evicted}: de {all} respuestas quedan {left}'
    ),
    '"{name}": 0 in a cache of {size:n} bytes': '"{name}": 0 en una caché de {size} bytes',
    'at most {most:n} {unit} after {questions:n} questions: "{name}"': (
        'como mucho {most} {unit} tras {questions} preguntas: "{name}"'
    ),
    # many at once
    "200 for each of {count:n} equal questions": "200 para cada una de {count} preguntas iguales",
    "1 upstream call for {count:n} equal questions at once": (
        "1 llamada al upstream para {count} preguntas iguales a la vez"
    ),
    "one X-Cache: miss": "un solo X-Cache: miss",
    "the others coalesced": "los demás, coalesced",
    "one answer for all": "una respuesta para todos",
    "a different request id for each": "un id de petición distinto para cada uno",
    "one caller who pays": "uno que paga",
    "{count:n} who pay": "{count} que pagan",
    "nothing within {seconds:n} seconds from an upstream that takes longer": (
        "nada en {seconds} segundos de un upstream que tarda más"
    ),
    "200 for the others when the first one has left": "200 para los demás cuando el primero se ha ido",
    # summaries and numbers
    "200 and a summary": "200 y un resumen",
    "for a blank text": "para un texto en blanco",
    "{hits:n} more hits of the {cache}": "{hits} aciertos más en {cache}",
    "{number:n} more {name} after 3 new questions and 4 old ones": (
        "{number} más en {name} tras 3 preguntas nuevas y 4 repetidas"
    ),
    "more bytes, for answers of {text:n} bytes": "más bytes, por respuestas de {text} bytes",
    "{number:n} more": "{number} más",
    "the {name} of 3 answers when one has been renewed: {most:n}": (
        "lo que hay en {name} con 3 respuestas, una de ellas renovada: {most}"
    ),
    '"hit_rate": {rate:n}, which is {hits:n} of {all:n}': '"hit_rate": {rate}, que es {hits} de {all}',
    # the upstream or Redis is gone
    "200 for a cached question while the upstream is down": "200 para una pregunta guardada, con el upstream caído",
    "for a question that is not cached": "para una pregunta que no está en la caché",
    "200 for a cached question, even after another one has failed": (
        "200 para una pregunta guardada, incluso después de que otra haya fallado"
    ),
    "names in Redis of at most {most:n} characters, without the question": (
        "nombres en Redis de {most} caracteres como mucho, sin la pregunta"
    ),
}
