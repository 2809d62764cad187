"""Spanish, as engineers speak it on both sides of the Atlantic. By the English phrase."""

PHRASES = {
    # Words that HINTS.md is read by.
    "Task": "Tarea",
    "You write": "Escribes",
    "Check": "Comprobación",
    "Checks": "Comprobaciones",
    "You see it work only together with task": "Solo se ve funcionar junto con la tarea",
    "Solution": "Solución",
    "Why": "Por qué",
    # make start, make progress
    "Six demos, each a lab and an exercise. Each stands alone, so begin where you like.": (
        "Seis demos, cada una con un laboratorio y un ejercicio. Ninguna necesita a otra: empieza por donde quieras."
    ),
    "To the end of the path: {time}. make progress shows each task.": (
        "Hasta el final del camino: {time}. make progress muestra cada tarea."
    ),
    "Score: {earned}/{total}": "Puntos: {earned}/{total}",
    "You have come to the end of the path.": "Has llegado al final del camino.",
    "grades all of it once more": "lo evalúa todo una vez más",
    "a page and a badge of your grades": "una página y una insignia con tus notas",
    "what a gateway does not solve": "lo que un gateway no resuelve",
    "Next: demo {number} · {title}": "Ahora: demo {number} · {title}",
    "runs it; {page} is the lab ({time})": "la arranca; laboratorio: {page} ({time})",
    "grades what you write ({time})": "evalúa lo que escribes ({time})",
    "Next: checks are lost that belong to no task": "Ahora: fallan comprobaciones que no son de ninguna tarea",
    "shows them": "las muestra",
    "Next: demo {number}, {task} ({time}): {file}": "Ahora: demo {number}, {task} ({time}): {file}",
    "grades it": "la evalúa",
    "if you are stuck ({given} of {all} given)": "si te atascas ({given} de {all} dadas)",
    "You see it work only together with task {number}: write both.": (
        "Solo se ve funcionar junto con la tarea {number}: escribe las dos."
    ),
    "not on this machine": "no en esta máquina",
    "about {time}": "cerca de {time}",
    # make grade-N; the checks' own words are in workshop/translation/sentences
    "{number} check": "{number} comprobación",
    "{number} checks": "{number} comprobaciones",
    " of {all}": " de {all}",
    "{number} point": "{number} punto",
    "{number} points": "{number} puntos",
    "not graded: {why}": "sin evaluar: {why}",
    "not graded": "sin evaluar",
    "{points} not graded": "{points} sin evaluar",
    "{place} cannot use what this returns.": "{place} no puede usar lo que esto devuelve.",
    "{number} lost check": "{number} comprobación perdida",
    "{number} lost checks": "{number} comprobaciones perdidas",
    "It explains {number} of {all}: {names}.": "Explica {number} de {all}: {names}.",
    "It was raised while these looked: {names}.": "Se lanzó mientras miraban estas: {names}.",
    "It was also raised while these looked: {names}.": "Se lanzó también mientras miraban estas: {names}.",
    "It cost no check its points.": "No le costó los puntos a ninguna comprobación.",
    "500 as well, by the exception above.": "también 500, por la excepción de arriba.",
    "To see one whole: {command}": "Para ver una entera: {command}",
    "not looked at, because the service no longer answered.": "sin mirar, porque el servicio ya no contestaba.",
    "expected": "esperado",
    "got": "recibido",
    "see it": "para verlo",
    "The commands talk to a service with the grader's settings. Let it run in another terminal:": (
        "Los comandos hablan con un servicio que tiene los ajustes del evaluador. Déjalo en marcha en otra terminal:"
    ),
    "The service answered 500 in {names}. Its own log has the exception: look in the terminal where it runs, "
    "by the request_id of the answer.": (
        "El servicio contestó 500 en {names}. La excepción está en su propio log: búscala en la terminal donde está en "
        "marcha, por el request_id de la respuesta."
    ),
    "of the {number} check run": "en {number} comprobación",
    "of the {number} checks run": "en {number} comprobaciones",
    "What was lost: {commands}": "Lo que falta: {commands}",
    # what make demo-N says besides
    "model": "modelo",
    "{variable} is set: tell curl and other clients to come here directly: export NO_PROXY={hosts}": (
        "{variable} está puesta: haz que curl y otros clientes vengan aquí directamente: export NO_PROXY={hosts}"
    ),
    "stopped": "parado",
    "stopping {name}: at most {seconds} s; Ctrl-C again ends at once": (
        "parando {name}: {seconds} s como mucho; otro Ctrl-C lo termina en el acto"
    ),
    "starting Ray Serve with {file}: half a minute or more": ("arrancando Ray Serve con {file}: medio minuto o más"),
    "left out, as Prometheus cannot read it: {reason}": "queda fuera, porque Prometheus no puede leerlo: {reason}",
    # make doctor
    "ok": "bien",
    "BAD": "MAL",
    "note": "nota",
    # make load-N, in a terminal and as a page
    "requests": "peticiones",
    "per second": "por segundo",
    "{answers} answers · {tokens} output tokens": "{answers} respuestas · {tokens} tokens de salida",
    "first token": "1er token",
    "each other": "cada otro",
    "to the end": "hasta el fin",
    "errors": "errores",
    "none": "ninguno",
    "{number} more kinds": "{number} clases más",
    "sent": "enviadas",
    "answered": "contestadas",
    "refused": "rechazadas",
    "failed": "fallidas",
    "open": "abiertas",
    "the report cannot be written: {fault}": "el informe no se puede escribir: {fault}",
    "starting Ray Serve": "arrancando Ray Serve",
    "the same questions each time": "las mismas preguntas cada vez",
    "seed {seed}": "seed {seed}",
    "Report: {file}": "Informe: {file}",
    "Gates: {passed}/{all}": "Condiciones: {passed}/{all}",
    "Load test of demo {number}": "Prueba de carga de la demo {number}",
    "{passed} of {all} gates": "{passed} de {all} condiciones",
    "the questions are always the same": "las preguntas son siempre las mismas",
    "Gates": "Condiciones",
    "gate": "condición",
    "passed": "se cumple",
    "not passed": "no se cumple",
    "no answers": "ninguna respuesta",
    "{requests} requests in {seconds} s: {answered} answered, {refused} refused as provoked, {failed} failed": (
        "{requests} peticiones en {seconds} s: {answered} contestadas, {refused} rechazadas como se buscaba, {failed} "
        "fallidas"
    ),
    "Per second: {answers} answers, {good} of them within the objectives, {tokens} output tokens": (
        "Por segundo: {answers} respuestas, {good} de ellas dentro de los objetivos, {tokens} tokens de salida"
    ),
    "Goodput: {share}. Objectives: {objectives}": "Goodput: {share}. Objetivos: {objectives}",
    "Numbers": "Números",
    "milliseconds": "milisegundos",
    "to the first token": "hasta el primer token",
    "each other token": "cada uno de los demás",
    "Over time": "En el tiempo",
    "Nothing was sent.": "No se envió nada.",
    "Each step is {step} s; percentiles are over {window} s.": (
        "Cada paso son {step} s; los percentiles son de {window} s."
    ),
    "Errors by kind": "Errores por clase",
    "None.": "Ninguno.",
    "kind": "clase",
    "count": "número",
    "the first one": "el primero",
    "{number} more kinds are in result.json.": "En result.json hay {number} clases más.",
    "Scenario": "Escenario",
    "Service and models": "Servicio y modelos",
    "Versions": "Versiones",
    "Requests, latencies, goodput and errors over time": "Peticiones, latencias, goodput y errores en el tiempo",
    "Seconds to the end": "Segundos hasta el final",
    "Seconds to the first token": "Segundos hasta el primer token",
    "Requests per second": "Peticiones por segundo",
    "output, of the answers that ended then": "de salida, de las respuestas que acabaron entonces",
    "Tokens per second": "Tokens por segundo",
    "answers per second within the objectives": "respuestas por segundo dentro de los objetivos",
    "all other answers": "todas las demás respuestas",
    "all others": "todos los demás",
    "refused, as provoked": "rechazadas, como se buscaba",
    "Errors per second": "Errores por segundo",
    # tasks
    "task {number} · {title}": "tarea {number} · {title}",
    "Task {number} · {title}": "Tarea {number} · {title}",
    "{given} hint": "{given} pista",
    "{given} hints": "{given} pistas",
    # make hint-N
    "{task}, hint {level} of {all}": "{task}, pista {level} de {all}",
    "the next hint, which says more": "la siguiente pista, que dice más",
    "there are no more hints; this shows the solution": "no hay más pistas; esto muestra la solución",
    "{task}: you have all of its {all} hints ({page}).": "{task}: ya tienes sus {all} pistas ({page}).",
    "shows the solution": "muestra la solución",
    "every task of demo {number} passes; make diff-{number} shows your solution beside ours": (
        "todas las tareas de la demo {number} están bien; make diff-{number} muestra tu solución al lado de la nuestra"
    ),
    # make diff-N
    "your solution beside ours": "tu solución al lado de la nuestra",
    "demo {number}": "demo {number}",
    "The solution of {which} is shown after a pass, or with SPOIL=1.": (
        "La solución se muestra cuando la tuya pasa, o con SPOIL=1: {which}."
    ),
    "(the code of {task})": "(el código de la {task})",
    "Why: {why}": "Por qué: {why}",
    "Ours is from {file}.": "La nuestra es de {file}.",
    "The workshop's own: {solution}": "La del propio taller: {solution}",
    "(yours and ours are the same)": "(la tuya y la nuestra son iguales)",
    "- yours": "- la tuya",
    "+ ours": "+ la nuestra",
    # make reset-N
    "{exercise} is as it was given: there is nothing to set aside": (
        "{exercise} está como al principio: no hay nada que apartar"
    ),
    "{exercise} is as it was given. Your work is in {aside}": (
        "{exercise} está como al principio. Tu trabajo está en {aside}"
    ),
    "brings it back; then grade it again": "lo recupera; después, evalúalo de nuevo",
    # make demo-N
    "The lab: {page}": "El laboratorio: {page}",
    "Try:": "Prueba:",
    "Each request prints one log line below. Ctrl-C stops everything.": (
        "Cada petición imprime aquí debajo una línea de log. Ctrl-C lo para todo."
    ),
    "Each request prints one log line below and in {file}. Ctrl-C stops everything.": (
        "Cada petición imprime una línea de log, aquí debajo y en {file}. Ctrl-C lo para todo."
    ),
    # make drill-NAME
    "A drill: demo 5 at {url}, with users. Soon something will go wrong. They say:": (
        "Un simulacro: la demo 5 en {url}, con usuarios. Pronto algo se estropeará. Dicen:"
    ),
    "What is it? Look, but touch nothing:": "¿Qué es? Mira, pero no toques nada:",
    "and what would call you": "y lo que te llamaría",
    "{log}, one line per request; the service's other output is in {other}": (
        "{log}, una línea por petición; lo demás que imprime el servicio está en {other}"
    ),
    "When you know it, in another terminal: {command}. Ctrl-C stops everything.": (
        "Cuando lo sepas, en otra terminal: {command}. Ctrl-C lo para todo."
    ),
    # make drill-answer
    "no drill runs at port {port}; start one in another terminal: make drill-slow": (
        "en el puerto {port} no hay ningún simulacro en marcha; arranca uno en otra terminal: make drill-slow"
    ),
    "take another look, and come back": "échale otro vistazo, y vuelve",
    "right. {why}": "correcto. {why}",
    "wrong. {why}": "incorrecto. {why}",
    "cannot tell: {reason}": "no se puede saber: {reason}",
    "{misfit}; try again": "{misfit}; prueba otra vez",
    "answer {number}: {misfit}": "respuesta {number}: {misfit}",
    "{given} answers for {wanted} questions; quote an answer of two words: {example}": (
        "{given} respuestas para {wanted} preguntas; pon entre comillas una respuesta de dos palabras: {example}"
    ),
    "{answer} is not one of {letters}": "{answer} no es una de estas: {letters}",
    "{answer} is not a number": "{answer} no es un número",
    "an empty answer is not a name": "una respuesta vacía no es un nombre",
    "it is {truth} now, according to {query}": "ahora es {truth}, según {query}",
    "Which alert fires? Its name": "¿Qué alerta salta? Su nombre",
    "the alert has not fired yet; it is pending: look at the Alerts page of Prometheus in a moment": (
        "la alerta todavía no ha saltado; está pending: mira la página Alerts de Prometheus dentro de un momento"
    ),
    "the alert has not fired yet; look at the Alerts page of Prometheus in a moment": (
        "la alerta todavía no ha saltado; mira la página Alerts de Prometheus dentro de un momento"
    ),
    " or ": " o ",
    "Prometheus has no number yet for {query}": "Prometheus todavía no tiene ningún número para {query}",
    "cannot read {file}: {reason}": "no se puede leer {file}: {reason}",
    "no trace yet took {least} ms or more": "todavía ninguna traza ha tardado {least} ms o más",
    "{url} does not answer: {reason}": "{url} no contesta: {reason}",
    "no line of the log's last half minute has an error": (
        "ninguna línea del log del último medio minuto tiene un error"
    ),
    "What do you do first?": "¿Qué haces primero?",
    "raise MAX_RETRIES": "subir MAX_RETRIES",
    "raise QUEUE_MAX_SIZE": "subir QUEUE_MAX_SIZE",
    "restart the gateway": "reiniciar el gateway",
    # make drill-slow
    "“It was quick a minute ago. Now some answers come at once, and others take ages. None of them fails.”": (
        "«Hace un minuto iba rápido. Ahora unas respuestas llegan al instante, y otras tardan una eternidad. Fallar, "
        "no falla ninguna.»"
    ),
    "Where does a slow request spend its time?": "¿En qué se le va el tiempo a una petición lenta?",
    "in our own layers": "en nuestras propias capas",
    "in the admission queue, until it has a place": "en la cola de admisión, hasta que tiene sitio",
    "at the upstream": "en el upstream",
    "in the cache, which has to look everything up": "en la caché, que tiene que buscarlo todo",
    "gateway_overhead_seconds and gateway_queue_seconds are as small as ever; only the upstream is left, and "
    "answers from the cache are still quick": (
        "gateway_overhead_seconds y gateway_queue_seconds son tan pequeños como siempre; solo queda el upstream, y "
        "las respuestas de la caché siguen siendo rápidas"
    ),
    "The span that takes longest in the trace of a slow request": (
        "El span que más tarda en la traza de una petición lenta"
    ),
    "it is the call to the upstream, and it takes nearly all of the request's time": (
        "es la llamada al upstream, y se lleva casi todo el tiempo de la petición"
    ),
    "The 95th percentile of gateway_request_duration_seconds over the last half minute, in seconds, only for "
    'answers in one piece, endpoint="/generate" (a value in the same bucket is right)': (
        "El percentil 95 de gateway_request_duration_seconds en el último medio minuto, en segundos, solo de las "
        'respuestas de una pieza, endpoint="/generate" (vale un número del mismo bucket)'
    ),
    "users wait, but nothing fails": "los usuarios esperan, pero no falla nada",
    "tell the upstream's operators, with a trace, and use another model meanwhile": (
        "avisar a quienes operan el upstream, con una traza, y usar mientras tanto otro modelo"
    ),
    "nothing of ours is slow: more tries and a longer queue make people wait longer, and a restart empties the "
    "cache, the only part that is still quick": (
        "nada nuestro va lento: más intentos y una cola más larga hacen esperar más a la gente, y un reinicio vacía "
        "la caché, lo único que sigue siendo rápido"
    ),
    # make drill-429
    "““Too many requests”, it tells me. I have asked one question today!”": (
        "«“Demasiadas peticiones”, me dice. ¡Hoy he hecho una sola pregunta!»"
    ),
    "Who refuses?": "¿Quién rechaza?",
    "our rate limit: this caller asks too often": (
        "nuestro límite de peticiones: quien llama pregunta demasiado a menudo"
    ),
    "our budget: this caller has spent too much": "nuestro presupuesto: quien llama ha gastado demasiado",
    "our admission queue: it is full": "nuestra cola de admisión: está llena",
    "the upstream": "el upstream",
    'gateway_upstream_calls_total{status="429"} grows, while gateway_rate_limit_refusals_total and '
    "gateway_shed_total do not": (
        'gateway_upstream_calls_total{status="429"} crece, mientras que gateway_rate_limit_refusals_total y '
        "gateway_shed_total no"
    ),
    "Of a hundred calls to the upstream in the last half minute, how many did it refuse? (ten more or less are "
    "right)": (
        "De cada cien llamadas al upstream en el último medio minuto, ¿cuántas rechazó? (valen diez más o menos)"
    ),
    "RetriesMount is only a consequence": "RetriesMount es solo una consecuencia",
    "raise RATE_LIMIT_ANONYMOUS_RPM, so that nobody is refused": (
        "subir RATE_LIMIT_ANONYMOUS_RPM, para que no se rechace a nadie"
    ),
    "raise MAX_RETRIES, so that one of the tries gets through": (
        "subir MAX_RETRIES, para que pase alguno de los intentos"
    ),
    "name another upstream in FALLBACKS, and ask this one for a higher quota": (
        "nombrar otro upstream en FALLBACKS, y pedirle a este una cuota mayor"
    ),
    "lower CIRCUIT_BREAKER_FAILURE_THRESHOLD": "bajar CIRCUIT_BREAKER_FAILURE_THRESHOLD",
    "the limit is not ours to raise; each retry is one more request that counts against it; and the breaker does "
    "not count a 429 as a failure": (
        "el límite no es nuestro, así que no podemos subirlo; cada reintento es una petición más que cuenta para él; "
        "y el breaker no cuenta un 429 como fallo"
    ),
    # make drill-stampede
    "“Since we released the new version of our app it is slow, and half of our users are told to come back later. "
    "We do not have more users than before. The upstream? It is as quick as ever, they say.”": (
        "«Desde que publicamos la versión nueva de nuestra app va lenta, y a la mitad de nuestros usuarios les dice "
        "que vuelvan más tarde. No tenemos más usuarios que antes. ¿El upstream? Dicen que va tan rápido como "
        "siempre.»"
    ),
    "What has changed?": "¿Qué ha cambiado?",
    "there are more requests: inference_requests_total grows faster": (
        "hay más peticiones: inference_requests_total crece más deprisa"
    ),
    "each upstream call takes longer": "cada llamada al upstream tarda más",
    "the cache no longer finds the same questions": "la caché ya no encuentra las mismas preguntas",
    "the rate limit refuses more": "el límite de peticiones rechaza más",
    "inference_cache_hits_total stands still; all calls go to the upstream, which has room for a few": (
        "inference_cache_hits_total no se mueve; todas las llamadas van al upstream, que tiene sitio para unas pocas"
    ),
    "Of a hundred requests in the last half minute, how many were shed? (fifteen more or less are right)": (
        "De cada cien peticiones del último medio minuto, ¿cuántas descartó la cola (shed)? (valen quince más o menos)"
    ),
    "one is the cause, the other is what users notice": "una es la causa, la otra es lo que notan los usuarios",
    "raise CACHE_MAX_SIZE and CACHE_RESPONSES_TTL": "subir CACHE_MAX_SIZE y CACHE_RESPONSES_TTL",
    "roll the new version back, and find out what it adds to its prompts": (
        "retirar la versión nueva, y averiguar qué añade a sus prompts"
    ),
    "even the largest cache does not help when no question comes twice; the lengths of the prompts in the log "
    "(prompt_length) have all grown by the same number": (
        "ni la caché más grande ayuda cuando ninguna pregunta se repite; en el log, las longitudes de los prompts "
        "(prompt_length) han crecido todas en el mismo número"
    ),
    # make drill-dead-upstream
    "“Nearly every request gets an error, and at once. The odd question still works, as if nothing had happened. I "
    "cannot make sense of it.”": (
        "«Casi todas las peticiones reciben un error, y al instante. Alguna que otra pregunta sigue funcionando, "
        "como si nada. No le encuentro explicación.»"
    ),
    "Where do most of the errors come from by now?": "¿De dónde viene ya la mayoría de los errores?",
    "from the upstream, which answers 500": "del upstream, que contesta 500",
    "from the circuit breaker, which does not even ask the upstream": (
        "del circuit breaker, que ni siquiera pregunta al upstream"
    ),
    "from the rate limit": "del límite de peticiones",
    "from the deadline: the upstream does not answer in time": "del plazo: el upstream no contesta a tiempo",
    "gateway_circuits_open is 1, and gateway_upstream_calls_total has almost no new calls; those that it has say "
    'status="connect"': (
        "gateway_circuits_open es 1, y gateway_upstream_calls_total casi no tiene llamadas nuevas; las que tiene "
        'dicen status="connect"'
    ),
    "The most frequent error code in logs.json": "El código de error más frecuente en logs.json",
    "jq .error logs.json says so": "lo dice jq .error logs.json",
    "Of a hundred requests in the last half minute, how many got a 200? (ten more or less are right)": (
        "De cada cien peticiones del último medio minuto, ¿cuántas recibieron un 200? (valen diez más o menos)"
    ),
    "the upstream is gone, so the breaker opens, so requests fail": (
        "el upstream no está, así que el breaker se abre, así que las peticiones fallan"
    ),
    "bring the upstream back, or name another in FALLBACKS": "recuperar el upstream, o nombrar otro en FALLBACKS",
    "reset the breaker: POST /debug/circuit-breakers/reset": (
        "cerrar el breaker a mano: POST /debug/circuit-breakers/reset"
    ),
    "the breaker is right: if it closed, everybody would wait for a refused connection; it closes by itself later. "
    "And a restart empties the cache, which still answers the odd question": (
        "el breaker tiene razón: si se cerrara, todos esperarían por una conexión rechazada; más tarde se cierra "
        "solo. Y un reinicio vacía la caché, que todavía contesta alguna que otra pregunta"
    ),
    # make drill-leak
    "“Each new release of yours runs well for some minutes. Then somebody in operations gets nervous, and restarts "
    "it, and it runs well again, for some minutes.”": (
        "«Cada versión nueva que sacan va bien unos minutos. Luego alguien de operaciones se pone nervioso y la "
        "reinicia, y vuelve a ir bien, unos minutos.»"
    ),
    "What grows?": "¿Qué crece?",
    "the response cache": "la caché de respuestas",
    "the number of requests in flight": "el número de peticiones en curso",
    "the embedded model server": "el servidor del modelo incluido",
    "something in the gateway, not a cache, that keeps a piece of each request": (
        "algo del gateway, que no es una caché, y que se queda con un trozo de cada petición"
    ),
    "process_memory_bytes grows with inference_requests_total, while the caches hold little (GET /cache/stats), "
    "inference_active_connections does not grow, and a cleanup frees almost nothing": (
        "process_memory_bytes crece con inference_requests_total, mientras que las cachés guardan poco (GET "
        "/cache/stats), inference_active_connections no crece, y una limpieza no libera casi nada"
    ),
    "By how many megabytes per minute did process_memory_worst_bytes grow, at its fastest? (half as much or twice "
    "as much is right)": (
        "¿Cuántos megabytes por minuto creció process_memory_worst_bytes, cuando más deprisa crecía? (vale desde la "
        "mitad hasta el doble)"
    ),
    "MemoryGrows would fire later: it looks at half an hour": "MemoryGrows saltaría más tarde: mira media hora",
    "raise MEMORY_THRESHOLD_MB": "subir MEMORY_THRESHOLD_MB",
    "restart it every night": "reiniciarlo todas las noches",
    "go back to the previous release, then find out what holds on to memory (tracemalloc)": (
        "volver a la versión anterior, y después averiguar qué retiene la memoria (tracemalloc)"
    ),
    "lower CACHE_MAX_MEMORY_MB": "bajar CACHE_MAX_MEMORY_MB",
    "a larger limit and a restart only postpone it, and the caches are small; the leak is in what this release added": (
        "un límite mayor y un reinicio solo lo aplazan, y las cachés son pequeñas; la fuga está en lo que añadió "
        "esta versión"
    ),
    # slides: what a deck is read by, and the label of a slide with commands
    "Say:": "Di:",
    "Ask:": "Pregunta:",
    "Demo:": "Demo:",
    "Next:": "Ahora:",
    "LIVE": "EN VIVO",
    # the presenter view
    "Copy": "Copiar",
    "Copied.": "Copiado.",
    "Next": "Ahora",
    "Next, on slide": "Después, en la diapositiva",
    "No more commands in this deck": "No hay más comandos en estas diapositivas",
    # the list of what is built
    "LLM in production: the slides": "LLM en producción: las diapositivas",
    "presenter view": "vista de presentador",
    "full screen": "pantalla completa",
    "overview": "todas a la vez",
    "notes": "notas",
    "Cheat sheets": "Hojas de referencia",
    # cheat sheets
    "New layers": "Capas nuevas",
    "Routes": "Rutas",
    "Settings": "Ajustes",
    "Set once": "Se define una vez",
    "Steps of the lab": "Pasos del laboratorio",
    "Your turn": "Tu turno",
    "runs your version": "arranca tu versión",
    "grades it; ONLY=failed for the checks that failed": "la evalúa; ONLY=failed repite las que fallaron",
    "the next hint": "la siguiente pista",
    "after a pass: your solution beside ours": "cuando apruebas: tu solución al lado de la nuestra",
    "begins again; your work is set aside": "empieza de nuevo; tu trabajo se aparta",
    # the plans of a day
    "opening": "apertura",
    "closing": "cierre",
    "slides": "diapositivas",
    "lab": "laboratorio",
    "exercise": "ejercicio",
    "break": "pausa",
    "lunch": "almuerzo",
    "in all": "en total",
    "opening and closing": "apertura y cierre",
    "everything": "todo",
    "from": "desde",
    "minutes": "minutos",
    "end; without the breaks": "final; sin las pausas",
    "To cut an hour, leave out, in this order:": "Para recortar una hora, quita, en este orden:",
    "leave out": "quita",
    "saves": "ahorra",
    "instead": "en su lugar",
    "until": "hasta las",
    "breaks at": "pausas a las",
}

# What the code says of its settings, routes and layers on cheat sheets, and of the cuts in the plans of a day.
EXPLANATIONS = {
    # layers
    "one JSON line per request: id, tokens, cost, latency": "una línea JSON por petición: id, tokens, coste, latencia",
    "nothing too long, nothing malformed": "nada demasiado largo, nada mal formado",
    "again, if that is safe and likely to help": "otra vez, si es seguro y puede ayudar",
    "one deadline for the whole call": "un solo plazo para toda la llamada",
    "who is calling?": "¿quién llama?",
    "how often may they call, and how many tokens may they use?": "¿cada cuánto puede llamar, y con cuántos tokens?",
    "is there money left this month?": "¿queda dinero este mes?",
    "adds up what each caller used": "suma lo que usó cada cual",
    "asked before? then it is free": "¿ya se preguntó? entonces es gratis",
    "a bounded number at once; the rest wait their turn": "un número acotado a la vez; el resto espera su turno",
    "another model or upstream, when this one cannot answer": "otro modelo o upstream, si este no puede contestar",
    "leaves a broken upstream alone": "deja en paz a un upstream roto",
    "counts and times everything below": "cuenta y cronometra todo lo de debajo",
    "one trace per request, one span per layer": "una traza por petición, un span por capa",
    "no new work when memory is short": "nada nuevo cuando falta memoria",
    # routes
    "Answer a prompt": "Contesta un prompt",
    "Answer a prompt as a stream": "Contesta un prompt con un stream",
    "Is this process alive?": "¿Vive este proceso?",
    "Revoke a token, or all tokens of a user (administrators)": (
        "Revoca un token, o todos los de un usuario (administradores)"
    ),
    "The caller's usage, limits and budget": "Consumo, límites y presupuesto de quien llama",
    "Statistics of each cache: entries, hits, misses, bytes": "Cifras de cada caché: entradas, aciertos, fallos, bytes",
    "Summarize a text": "Resume un texto",
    "OpenAI's chat API": "La API de chat de OpenAI",
    "Metrics for Prometheus": "Métricas para Prometheus",
    "Current alerts (callers with a token)": "Alertas actuales (con un token)",
    # settings
    "maximum length of a prompt, in characters": "longitud máxima de un prompt, en caracteres",
    "deadline of a whole call, in seconds, retries included; from demo 4 on, its minimum": (
        "plazo de toda una llamada, en segundos, con sus reintentos; desde la demo 4, el mínimo"
    ),
    "number of worker processes; 0: 1 in development, 4 in production": (
        "número de procesos (workers); 0: 1 en desarrollo, 4 en producción"
    ),
    "Redis that the workers share: redis://…; empty: each worker on its own": (
        "Redis que comparten los workers: redis://…; vacío: cada worker por su cuenta"
    ),
    "refuse callers without a token (401)": "rechaza a quien llama sin token (401)",
    "seconds that a worker trusts a verified token before it asks the database again": (
        "segundos que un worker se fía de un token verificado antes de volver a la base de datos"
    ),
    "requests that a caller may make per window (RATE_LIMIT_WINDOW_SEC)": (
        "peticiones por ventana de quien llama (RATE_LIMIT_WINDOW_SEC)"
    ),
    "length of the rate-limit window, in seconds": "duración de la ventana de los límites, en segundos",
    "tokens, input plus output, that a caller may use per window": (
        "tokens por ventana de quien llama, de entrada más de salida"
    ),
    "base URL of an OpenAI-compatible API, with its /v1; empty: the embedded model server": (
        "URL base de una API compatible con OpenAI, con su /v1; vacía: el servidor del modelo incluido"
    ),
    "maximum number of retries after the first try": "número máximo de reintentos tras el primer intento",
    "seconds before the first retry; doubles each time, up to 10": (
        "segundos antes del primer reintento; se duplica cada vez, hasta 10"
    ),
    "requests per window from an IP address without a token": "peticiones por ventana de una dirección IP sin token",
    "where cached answers are kept: memory or redis": "dónde se guardan las respuestas: memory o redis",
    "maximum number of entries in the cache of answers": "número máximo de entradas en la caché de respuestas",
    "maximum size of a cache in memory, in megabytes": "tamaño máximo de una caché en memoria, en megabytes",
    "lifetime of a cached answer, in seconds": "vida de una respuesta guardada, en segundos",
    "caller: a caller gets only its own cached answers; shared: those of all callers": (
        "caller: cada cual recibe solo sus respuestas guardadas; shared: las de todos"
    ),
    "also cache answers with a temperature above 0": "guarda también respuestas con una temperatura superior a 0",
    "retries allowed per call: 0.2 is one retry for every five calls": (
        "reintentos permitidos por llamada: 0.2 es uno cada cinco llamadas"
    ),
    "extra retries, available at the start and after quiet times": (
        "reintentos de más, disponibles al principio y tras un rato tranquilo"
    ),
    "seconds that the breaker stays open before it tries again": (
        "segundos que el breaker sigue abierto antes de probar otra vez"
    ),
    "requests that a caller may make per hour": "peticiones por hora de quien llama",
    "seconds per try, to the first token or whole answer, before a fallback is asked; 0: no limit per try": (
        "segundos por intento, hasta el primer token o la respuesta entera, antes del fallback; 0: sin límite"
    ),
    # the cuts in the plans of a day
    "the deck's live slides show the cut stream and the breaker": (
        "las diapositivas en vivo muestran el stream cortado y el breaker"
    ),
    "the deck's live slides break it and load it; the lab is for home": (
        "las diapositivas en vivo lo rompen y le ponen carga; el laboratorio, en casa"
    ),
    "it is for home: `make start` says where to go on": "es para casa: `make start` dice dónde seguir",
    "read its last slide aloud; lab 3 is for home": (
        "lee en voz alta su última diapositiva; el laboratorio 3, en casa"
    ),
    "it is for the evening: `make start` says where to go on": "es para la noche: `make start` dice dónde seguir",
    "the deck's live slides show the limit and the budget": (
        "las diapositivas en vivo muestran el límite y el presupuesto"
    ),
    "kill a replica on the projector, and read what the grader says about the starter": (
        "mata una réplica en el proyector, y lee lo que dice el evaluador del código inicial"
    ),
}
