"""Spanish, as engineers speak it on both sides of the Atlantic. By the English phrase."""

PHRASES = {
    # Words that HINTS.md is read by.
    "Task": "Tarea",
    "You write": "Escribes",
    "Check": "Comprobación",
    "Checks": "Comprobaciones",
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
    "not on this machine": "no en esta máquina",
    "about {time}": "cerca de {time}",
    # tasks
    "task {number} · {title}": "tarea {number} · {title}",
    "Task {number} · {title}": "Tarea {number} · {title}",
    "{given} hint": "{given} pista",
    "{given} hints": "{given} pistas",
    # make hint-N
    "{task}, hint {level} of {all}": "{task}, pista {level} de {all}",
    "the next hint, which says more": "la siguiente pista, que dice más",
    "there are no more": "no hay más",
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
    "model for requests that name none": "modelo de las peticiones que no nombran ninguno",
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
