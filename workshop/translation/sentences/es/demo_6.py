"""What the checks of demo 6 say."""

SENTENCES = {
    # the checks
    "Demo 6 · The full deployment": "Demo 6 · El despliegue completo",
    "A replica is warm before it gets traffic: its engine has answered several requests before it is ready": (
        "Una réplica se calienta antes de recibir tráfico: su motor ha contestado varias peticiones antes de estar "
        "lista"
    ),
    "The answer is the model's own, complete, and in OpenAI's format; GET /v1/models names the model": (
        "La respuesta es la del modelo, entera y en el formato de OpenAI; GET /v1/models nombra el modelo"
    ),
    "Tokens are counted as by the tokenizer, all turns with their markers; max_tokens is obeyed and reported": (
        "Los tokens se cuentan como el tokenizer, todos los turnos con sus marcas; max_tokens se cumple y se dice"
    ),
    "Temperature, seed, stop and n work as in OpenAI's API: the same text twice at 0, another with another seed": (
        "Temperature, seed, stop y n funcionan como en la API de OpenAI: con 0, dos veces lo mismo; con otra seed, "
        "otro "
        "texto"
    ),
    "A prompt too long for the context gets a 400 that says so; without max_tokens an answer may fill the context": (
        "Un prompt más largo que el contexto recibe un 400 que lo dice; sin max_tokens una respuesta puede llenarlo"
    ),
    "An unknown model gets a 404, an invalid request a 400, both in OpenAI's error format; never a 500": (
        "Un modelo desconocido recibe un 404, una petición inválida un 400, con el formato de OpenAI; nunca un 500"
    ),
    "A stream is in OpenAI's format: one id, the role first, the text in pieces, one finish_reason, then [DONE]": (
        "Un stream tiene el formato de OpenAI: un id, primero el role, el texto en trozos, un finish_reason, y [DONE]"
    ),
    "Each token arrives as soon as the engine has it: the first long before the last, the others one by one": (
        "Cada token llega en cuanto el motor lo tiene: el primero mucho antes que el último, los demás de uno en uno"
    ),
    "With stream_options.include_usage the last chunk has the unstreamed answer's usage; otherwise no chunk has": (
        "Con stream_options.include_usage, el último chunk tiene el usage de la respuesta entera; si no, ninguno lo "
        "tiene"
    ),
    "A stream that fails before the first token gets an honest status too, not a 200 that breaks off": (
        "Un stream que falla antes del primer token también da un status honesto, no un 200 que se corta"
    ),
    "When a client leaves, the engine stops its request, and others get its place": (
        "Cuando un cliente se va, el motor detiene su petición, y otros ocupan su sitio"
    ),
    "Concurrent requests are computed together: all streams begin before the first one ends": (
        "Las peticiones simultáneas se calculan juntas: todos los streams empiezan antes de que acabe el primero"
    ),
    "Through the gateway vLLM answers, unstreamed and streamed, not a fallback; the gateway counts its tokens": (
        "A través del gateway contesta vLLM, entero y en stream, no una alternativa; el gateway cuenta sus tokens"
    ),
    "kill -9 of all replicas under traffic: every request is answered, and vLLM answers again": (
        "kill -9 a todas las réplicas con tráfico: toda petición recibe respuesta, y vLLM vuelve a contestar"
    ),
    "An engine that dies while its replica lives on: every request is answered, and vLLM answers again": (
        "Un motor que muere mientras su réplica sigue viva: toda petición recibe respuesta, y vLLM vuelve a contestar"
    ),
    "A replica without an engine says so: callers get an error, not an invented answer, and Serve replaces it": (
        "Una réplica sin motor lo dice: quien llama recibe un error, no una respuesta inventada, y Serve la sustituye"
    ),
    "A changed file is deployed under traffic: the old replica goes when the new one answers, and nothing is lost": (
        "Un archivo cambiado se despliega con tráfico: la réplica vieja se va cuando la nueva contesta, y no se pierde "
        "nada"
    ),
    "Under load a replica is added within the delays of its config file, and answers": (
        "Con carga se añade una réplica en los plazos de su archivo de configuración, y contesta"
    ),
    "In a dry run of a day, with Ray's own autoscaler, the first token comes in time": (
        "En el ensayo de un día, con el autoscaler del propio Ray, el primer token llega a tiempo"
    ),
    "The same day stays within its budget of replica-seconds": (
        "El mismo día no pasa de su presupuesto de segundos de réplica"
    ),
    # answers
    "choices, each with a message": "choices, cada uno con un message",
    "an id, and the model's name": "un id, y el nombre del modelo",
    "one choice, with index 0": "un choice, con index 0",
    "text without turn markers": "texto sin marcas de turno",
    "what the model was taught of vLLM: {word} …": "lo que se le enseñó al modelo sobre vLLM: {word} …",
    "tokens that add up": "tokens que suman lo que deben",
    "it needs an engine without earlier requests; without a URL the grader starts one": (
        "necesita un motor sin peticiones anteriores; sin URL, el evaluador arranca uno"
    ),
    "an engine that has finished a few requests of its own": "un motor que ha terminado algunas peticiones propias",
    # sampling and context
    'the same twice: "{text}"': 'lo mismo dos veces: "{text}"',
    "another answer with another seed, at temperature 1.5": "otra respuesta con otra seed, a temperatura 1.5",
    'the same with the same seed: "{text}"': 'lo mismo con la misma seed: "{text}"',
    'the likeliest words with top_k 1: "{text}"': 'las palabras más probables con top_k 1: "{text}"',
    "a whole sentence": "una frase entera",
    '"{text}", and "finish_reason": "stop"': '"{text}", y "finish_reason": "stop"',
    "two choices, with index 0 and 1": "dos choices, con index 0 y 1",
    "the length of its context cannot be seen from here, or is too long to fill": (
        "el largo de su contexto no se ve desde aquí, o es demasiado para llenarlo"
    ),
    "an answer that fills the context: {tokens:n} tokens in total": (
        "una respuesta que llene el contexto: {tokens} tokens en total"
    ),
    'an error as {{"error": {{message, type, param, code}}}}': (
        'un error como {{"error": {{message, type, param, code}}}}'
    ),
    # streams
    "events whose data is a JSON object, or [DONE]": "eventos cuyo data sea un objeto JSON, o [DONE]",
    "choices, each with a delta": "choices, cada uno con un delta",
    '"role": "assistant" in the first delta': '"role": "assistant" en el primer delta',
    "in {count:n}": "en {count}",
    "the text in many pieces": "el texto en muchos trozos",
    "the text of the whole answer, in pieces: {text}": "el texto de la respuesta entera, en trozos: {text}",
    "one finish_reason, in the last delta: {reason}": "un solo finish_reason, en el último delta: {reason}",
    "{count:n} tokens, one after the other": "{count} tokens, uno tras otro",
    "{count:n} pieces": "{count} trozos",
    "a first token long before the last": "un primer token mucho antes que el último",
    "the first after {share} of the time": "el primero pasado el {share} del tiempo",
    'a last chunk with "choices": []': 'un último chunk con "choices": []',
    "the usage of the whole answer: {usage}": "el usage de la respuesta entera: {usage}",
    # the engine
    "an engine that stops a request once its client has left": (
        "un motor que detiene una petición cuando su cliente se ha ido"
    ),
    "it went on to the last token": "siguió hasta el último token",
    "the engine's finished requests cannot be seen: vLLM has no metric {metric}": (
        "no se ven las peticiones que el motor ha terminado: vLLM no tiene la métrica {metric}"
    ),
    "an engine that was asked for {tokens:n} tokens, as we asked": (
        "un motor al que se le pidan {tokens} tokens, como pedimos nosotros"
    ),
    "no such request": "ninguna petición así",
    "{count:n} streams with text": "{count} streams con texto",
    "each to begin before the first ends": "que cada uno empiece antes de que acabe el primero",
    "{count:n} of {crowd:n} began after the first had ended": (
        "{count} de {crowd} empezaron cuando el primero ya había acabado"
    ),
    # the whole
    "vLLM's own answer: {text}": "la respuesta del propio vLLM: {text}",
    "vLLM's own usage: {usage}": "el usage del propio vLLM: {usage}",
    "an answer from vLLM": "una respuesta de vLLM",
    "answers from vLLM": "respuestas de vLLM",
    "the checks exceed its rate limit; start the service with {limits}": (
        "las comprobaciones superan su límite de peticiones; arranca el servicio con {limits}"
    ),
    "200 for everybody": "200 para todos",
    "{failed:n} of {all:n} failed: {answer}": "{failed} de {all} fallaron: {answer}",
    "X-Fallback to say who answers meanwhile": "un X-Fallback que diga quién contesta mientras tanto",
    "no answer has it": "ninguna respuesta lo lleva",
    "answers from vLLM again within {seconds:n} seconds": "otra vez respuestas de vLLM en {seconds} segundos",
    "a 5xx error, or no answer": "un error 5xx, o ninguna respuesta",
    "a 5xx error from GET /health": "un error 5xx de GET /health",
    "check_health to raise, and the replica to be replaced": (
        "que check_health lance un error, y que la réplica se sustituya"
    ),
    "the replica stays as it is": "la réplica sigue como está",
    "other replicas than before": "otras réplicas que antes",
    "still {replicas}": "todavía {replicas}",
    "vLLM to answer all the time: a new replica before the old one goes": (
        "que vLLM conteste todo el tiempo: una réplica nueva antes de que se vaya la vieja"
    ),
    "{count:n} of {all:n} answers came from a fallback": "{count} de {all} respuestas vinieron de una alternativa",
    "replicas.max over replicas.min": "replicas.max mayor que replicas.min",
    "{least:n} to {most:n}": "de {least} a {most}",
    "more than {before:n} replicas for {crowd:n} requests at once": (
        "más de {before} réplicas para {crowd} peticiones a la vez"
    ),
    # the dry run
    "a config file that a dry run can read": "un archivo de configuración que el ensayo pueda leer",
    "nothing": "nada",
    "a first token within {seconds:n} s for {share}, and no answer cut off": (
        "un primer token en {seconds} s para el {share}, y ninguna respuesta cortada"
    ),
    "{share:w} of {all:n}; {cut:n} cut off": "{share} de {all}; {cut} cortadas",
    "at most {most:n} replica-seconds, {replicas:n} replicas on average": (
        "como mucho {most} segundos de réplica, {replicas} réplicas de media"
    ),
    "{spent:n}, {replicas:n} on average": "{spent}, {replicas} de media",
}
