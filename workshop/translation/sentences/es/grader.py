"""What the grader says of any service: what came back, why a check could not look, which service it is."""

SENTENCES = {
    # what came back
    "{status:n} {why:s}": "{status} {why}",
    "{answer}; the service {end:s}": "{answer}; el servicio {end}",
    "nothing: the service no longer answered": "nada: el servicio ya no contestaba",
    "no answer within {seconds:n} seconds": "ninguna respuesta en {seconds} segundos",
    "no answer: {fault}": "ninguna respuesta: {fault}",
    "no answer so far": "ninguna respuesta hasta ahora",
    "no answer": "ninguna respuesta",
    "a service that accepts a call": "un servicio que acepte una llamada",
    "{text}… {fault:s}": "{text}… {fault}",
    "and then nothing more": "y después nada más",
    "and then the connection broke: {fault}": "y después se cortó la conexión: {fault}",
    "and no end within {seconds:n} seconds": "y ningún final en {seconds} segundos",
    "ended with exit status {status:n}": "terminó con exit status {status}",
    "ended with exit status {status:n}: {said}": "terminó con exit status {status}: {said}",
    "was killed by {signal}: {said}": "murió por {signal}: {said}",
    "was killed by {signal:w}": "murió por {signal}",
    "hangs: even GET /health gets no answer within {seconds:n} seconds": (
        "está colgado: ni siquiera GET /health recibe respuesta en {seconds} segundos"
    ),
    # what any answer must have
    "{kind:w} at {path:w} of the JSON body": "{kind} en {path} del cuerpo JSON",
    'an error as {{"error": {{message, type, param, code, request_id}}}}': (
        'un error como {{"error": {{message, type, param, code, request_id}}}}'
    ),
    "an error message that says what was wrong": "un mensaje de error que diga qué estaba mal",
    "Prometheus' text format": "el formato de texto de Prometheus",
    "a JSON line in the log with the reply's X-Request-ID ({id})": (
        "una línea JSON en el log con el X-Request-ID de la respuesta ({id})"
    ),
    "it has none": "no lleva ninguno",
    "an empty log": "un log vacío",
    "{calls:n} calls in flight at the upstream": "{calls} llamadas en curso en el upstream",
    # why a check could not look
    "it takes {count:n} callers; make tokens (make token USER=ana), and set {variable} to them": (
        "hacen falta {count} clientes; crea tokens (make token USER=ana), y ponlos en {variable}"
    ),
    "no token: {reason}": "ningún token: {reason}",
    "it ends processes of the deployment, which must run on the machine that the grader runs on": (
        "termina procesos del despliegue, que tiene que estar en la misma máquina que el evaluador"
    ),
    "it looks into the cluster, which must run on the machine that the grader runs on": (
        "mira dentro del cluster, que tiene que estar en la misma máquina que el evaluador"
    ),
    "its config file cannot be seen from here: the cluster must run on this machine": (
        "su archivo de configuración no se ve desde aquí: el cluster tiene que estar en esta máquina"
    ),
    "the engine's numbers cannot be read from here: {answer}": (
        "los números del motor no se pueden leer desde aquí: {answer}"
    ),
    "its engine does not run in a process of its own": "su motor no tiene un proceso propio",
    "it needs the embedded server's fault switches, and none answer at {url}; name it with --upstream": (
        "necesita los interruptores de fallos del servidor incluido, y en {url} no contesta ninguno; nómbralo con "
        "--upstream"
    ),
    "this service does not call the server at {url}; name its upstream with --upstream": (
        "este servicio no llama al servidor de {url}; nombra su upstream con --upstream"
    ),
    "the request log cannot be seen from here; say where it is with --log-file logs.json": (
        "el log de peticiones no se ve desde aquí; di dónde está con --log-file logs.json"
    ),
    "its traces cannot be seen from here; have it send them to python -m serving.traces, with {variable} at that, and "
    "name it to the grader in {other}": (
        "sus trazas no se ven desde aquí; haz que las envíe a python -m serving.traces, con {variable}, y díselo al "
        "evaluador en {other}"
    ),
    "it keeps the traces of some requests only; start it with TRACE_SAMPLE_RATIO=1, and tell the grader the same": (
        "guarda las trazas de algunas peticiones solamente; arráncalo con TRACE_SAMPLE_RATIO=1, y dile lo mismo al "
        "evaluador"
    ),
    "its Ray Serve cannot be seen from here; make demo-6 has it 400 ports above the service": (
        "su Ray Serve no se ve desde aquí; make demo-6 lo pone 400 puertos por encima del servicio"
    ),
    "it looks at a file beside the service's source; without a URL the grader knows where it is": (
        "mira un archivo que está junto al código del servicio; sin URL, el evaluador sabe dónde está"
    ),
    "the service's OPENAI_API_KEY is not known here; set it to the same value for the grader": (
        "el OPENAI_API_KEY del servicio no se conoce aquí; ponle el mismo valor al evaluador"
    ),
    "it makes and revokes tokens; without a URL the grader starts a service of its own and can do so": (
        "crea y revoca tokens; sin URL, el evaluador arranca un servicio propio y puede hacerlo"
    ),
    "{requests:n} requests in {window:n} seconds take too long to look at; start the service with "
    "RATE_LIMIT_WINDOW_SEC=2 RATE_LIMIT_RPM=10, and tell the grader the same": (
        "{requests} peticiones en {window} segundos son demasiado para mirarlas; arranca el servicio con "
        "RATE_LIMIT_WINDOW_SEC=2 RATE_LIMIT_RPM=10, y dile lo mismo al evaluador"
    ),
    "it needs a service started with {settings}; without a URL the grader starts one": (
        "necesita un servicio arrancado con {settings}; sin URL, el evaluador arranca uno"
    ),
    # what is graded
    "Grading the reference, demos/{package} (not your exercise: SOLUTION=exercise)": (
        "Se evalúa la referencia, demos/{package} (no tu ejercicio: SOLUTION=exercise)"
    ),
    "Grading {folder} (your version)": "Se evalúa {folder} (tu versión)",
    "Grading {url} ({says})": "Se evalúa {url} ({says})",
    "{folder:w} (your version)": "{folder} (tu versión)",
    "the reference, not your exercise": "la referencia, no tu ejercicio",
    "the reference, not your exercises: SOLUTION=exercise": "la referencia, no tus ejercicios: SOLUTION=exercise",
    "your versions": "tus versiones",
    "You have changed {folder}, but this grades the reference. For yours: {command}": (
        "Has cambiado {folder}, pero esto evalúa la referencia. Para la tuya: {command}"
    ),
    # which service it is
    "it says: {title}": "dice que es: {title}",
    "it does not say which demo it is": "no dice qué demo es",
    "this is demo {number:n}, not demo {wanted:n}{without}; start the other with make demo-{wanted:n}": (
        "esta es la demo {number}, no la demo {wanted}{without}; arranca la otra con make demo-{wanted}"
    ),
    ": it has no {route}": ": no tiene {route}",
    "this is not demo {wanted:n}: it has no {route}; start it with make demo-{wanted:n}": (
        "esta no es la demo {wanted}: no tiene {route}; arráncala con make demo-{wanted}"
    ),
    "This is demo {number:n}, not demo {wanted:n}: its limits and its caches may cost points here. "
    "Its own checks: make grade-{number:n}": (
        "Esta es la demo {number}, no la demo {wanted}: sus límites y sus cachés pueden costar puntos aquí. "
        "Sus propias comprobaciones: make grade-{number}"
    ),
    "There is no POST /generate at {url}: is it the right service?": (
        "No hay un POST /generate en {url}: ¿es el servicio correcto?"
    ),
    "{url:w}: this is a model server, not a demo; make demo-{number:n} listens {ports:n} ports below its model "
    "server": (
        "{url}: esto es un servidor de modelos, no una demo; make demo-{number} escucha {ports} puertos por debajo "
        "del suyo"
    ),
    "what listens at {url} does not speak HTTP ({fault})": "lo que escucha en {url} no habla HTTP ({fault})",
    "{url:w} took the connection and did not answer within {seconds:n} s": (
        "{url} aceptó la conexión y no contestó en {seconds} s"
    ),
    "{reason}; start it with make demo-{number:n}, or say where it is: URL=…": (
        "{reason}; arráncalo con make demo-{number}, o di dónde está: URL=…"
    ),
    # arguments
    "there is no demo {number}; there are {numbers}": "no hay una demo {number}; hay {numbers}",
    "SOLUTION={given}: write {exercise} for your version, {reference} for ours": (
        "SOLUTION={given}: escribe {exercise} para tu versión, {reference} para la nuestra"
    ),
    "ONLY={only}: there is no check {name}; {right}": "ONLY={only}: no hay una comprobación {name}; {right}",
    "did you mean {name}?": "¿quizá {name}?",
    "did you mean {name} or {other}?": "¿quizá {name} o {other}?",
    "did you mean {name} or {other} or {third}?": "¿quizá {name}, {other} o {third}?",
    "there are {names}": "hay {names}",
}
