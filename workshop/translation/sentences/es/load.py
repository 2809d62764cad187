"""What load tests say: their gates, objectives and settings."""

SENTENCES = {
    # what several say
    "no failure": "ningún fallo",
    "{count:n} answers": "{count} respuestas",
    "{answered:n} of {asked:n}; {failure}": "{answered} de {asked}; {failure}",
    "{count:n}; {failure:s}": "{count}; {failure}",
    "no errors": "ningún error",
    "an answer to each": "una respuesta a cada una",
    "never": "nunca",
    "calm, a spike until there is one more replica, calm until it is gone: a minute and a half, or two": (
        "calma, un pico hasta que hay una réplica más, calma hasta que se va: un minuto y medio, o dos"
    ),
    # demo 1
    "every request is answered": "toda petición recibe respuesta",
    "every mistake is refused": "todo error de quien llama se rechaza",
    "422 each": "422 para cada uno",
    "{status:n} instead of {expected:n}: {text}": "{status} en vez de {expected}: {text}",
    "every answer has tokens and a cost": "toda respuesta tiene tokens y un coste",
    "tokens.total > 0 and cost_usd > 0": "tokens.total > 0 y cost_usd > 0",
    "all have them": "todas los tienen",
    "every request has an id of its own": "toda petición tiene un id propio",
    "p95 under {ms:n} ms": "p95 por debajo de {ms} ms",
    "{count:n} ids": "{count} ids",
    "an answer in less than {ms:n} ms": "una respuesta en menos de {ms} ms",
    "requests": "peticiones",
    "mistakes": "errores de quien llama",
    "one request in {count:n}, on purpose": "una petición de cada {count}, a propósito",
    # demo 2
    "the modest tenant is never refused": "al tenant moderado no se le rechaza nunca",
    "{count:n} answers of {all:n}": "{count} respuestas de {all}",
    "the greedy tenant is never over its limit": "el tenant abusivo nunca pasa de su límite",
    "at most {limit:n} in any {window}": "como mucho {limit} en {window} cualesquiera",
    "the greedy tenant gets all of its limit": "el tenant abusivo recibe todo su límite",
    "none refused with fewer than {limit:n} in the last {window}": (
        "ninguna rechazada con menos de {limit} en los últimos {window}"
    ),
    "{count:n} of {all:n} so": "{count} de {all} así",
    "none refused at all, of {all:n}": "ninguna rechazada, de {all}",
    "every 429 says truly when to come back": "todo 429 dice de verdad cuándo volver",
    "{count:n} with a Retry-After in whole seconds until there is room, rounded up": (
        "{count} con un Retry-After en segundos enteros hasta que haya sitio, redondeado hacia arriba"
    ),
    "{count:n} so{another}": "{count} así{another}",
    ", another: {seconds}": ", otro: {seconds}",
    "no other errors": "ningún otro error",
    "an answer, however long it takes; what is over the limit is refused": (
        "una respuesta, tarde lo que tarde; lo que pasa del límite se rechaza"
    ),
    "{tenant:w} asks at": "{tenant} pregunta a",
    "{times:n} times its limit": "{times} veces su límite",
    # demo 3
    "hit rate of {share:w}": "tasa de aciertos del {share}",
    "hits' p95 at most {share:w} of misses' p95": "p95 de los aciertos, como mucho el {share} del p95 de los fallos",
    "hits' p95 at most {ms:n} ms": "p95 de los aciertos, como mucho {ms} ms",
    "/cache/stats counts what clients saw": "/cache/stats cuenta lo que vieron los clientes",
    "a hit within {ms:n} ms, or any other answer": "un acierto en {ms} ms, o cualquier otra respuesta",
    "questions": "preguntas",
    "Zipf exponent": "exponente de Zipf",
    # demo 4
    "every request ends, every stream with [DONE]": "toda petición acaba, todo stream con [DONE]",
    "{count:n} ends": "{count} finales",
    "every answer is as long as it says": "toda respuesta es tan larga como dice",
    "its words are its tokens": "sus palabras son sus tokens",
    "{count:n} are not": "{count} no lo son",
    "{count:n} are not: {text}": "{count} no lo son: {text}",
    "tokens come as they are generated": "los tokens llegan a medida que se generan",
    "{share:w} of long streams have their first token in the first half of their time": (
        "el {share} de los streams largos tiene su primer token en la primera mitad de su tiempo"
    ),
    "{count:n} of {all:n}": "{count} de {all}",
    "first token's p95 under {seconds:n} s": "p95 del primer token por debajo de {seconds} s",
    "goodput of {share:w}": "goodput del {share}",
    ">= {share:w} within {first:n} s to the first token and {other:n} ms for each other": (
        ">= {share} con {first} s hasta el primer token y {other} ms para cada uno de los demás"
    ),
    "{count:n} requests a minute": "{count} peticiones por minuto",
    ">= {count:n} answered a minute": ">= {count} contestadas por minuto",
    "the first token within {first:n} s, and each other within {other:n} ms": (
        "el primer token en {first} s, y cada uno de los demás en {other} ms"
    ),
    "seconds": "segundos",
    "requests per second": "peticiones por segundo",
    "{rate:n}, at random moments": "{rate}, en momentos al azar",
    "streams": "streams",
    "tokens per answer": "tokens por respuesta",
    # demo 5
    "every request got a complete answer": "toda petición recibió una respuesta completa",
    "none is missing": "no falta ninguna",
    "incomplete": "incompleta",
    "requests are counted as sent": "las peticiones se cuentan como se enviaron",
    "errors are counted as seen, by class": "los errores se cuentan como se vieron, por clase",
    "tokens are those of the answers": "los tokens son los de las respuestas",
    "dollars are those of the answers": "los dólares son los de las respuestas",
    "hits and misses are those in X-Cache": "aciertos y fallos son los de X-Cache",
    "first tokens are those of the streams": "los primeros tokens son los de los streams",
    "all times are recorded, streams to their ends": "se registran todos los tiempos, los streams hasta su final",
    "{count:n} times, {ms:n} ms of streams among them": "{count} tiempos, con {ms} ms de streams entre ellos",
    "{count:n} times, {ms:n} ms": "{count} tiempos, {ms} ms",
    "every worker says the same": "todos los workers dicen lo mismo",
    "{count:n} of {all:n} looks": "{count} de {all} miradas",
    "p{percent:n} within one bucket of the clients' own": "p{percent} a un bucket como mucho del de los clientes",
    "the bucket of {ms:n} ms, or a neighbouring one": "el bucket de {ms} ms, o uno vecino",
    "that up to {ms} ms": "el que llega a {ms} ms",
    "Prometheus says the same": "Prometheus dice lo mismo",
    "a complete answer, however long it takes": "una respuesta completa, tarde lo que tarde",
    "people": "personas",
    "pause, in seconds": "pausa, en segundos",
    "repeated questions": "preguntas repetidas",
    # demo 6
    "it answers before the spike": "contesta antes del pico",
    "a fallback answers in the deployment's place": "una alternativa contesta en lugar del despliegue",
    "nothing is lost: every request got a complete answer": (
        "no se pierde nada: toda petición recibió una respuesta completa"
    ),
    "this deployment itself answered": "contestó este mismo despliegue",
    "at most {share:w} from a fallback while no replica starts": (
        "como mucho el {share} de una alternativa mientras no arranca ninguna réplica"
    ),
    "{share:w}: {count:n} of {all:n}; {fallbacks:n} of {asked:n} in all": (
        "{share}: {count} de {all}; {fallbacks} de {asked} en total"
    ),
    "one more replica is wanted within the delays": "se pide una réplica más dentro de los plazos",
    "within {allowed:n} s of the spike: {back:n} s to look back over, {delay:n} s of delay, {builds:n} s for the load "
    "to "
    "build up": (
        "a {allowed} s del pico como mucho: {back} s de los que mira atrás, {delay} s de espera, {builds} s para que "
        "suba la carga"
    ),
    "the new replica is warm soon after": "la réplica nueva está lista poco después",
    "{count:n} running replicas, within {seconds:n} s of the decision": (
        "{count} réplicas en marcha, a {seconds} s de la decisión como mucho"
    ),
    "back to {count:n} when it is calm again": "otra vez {count} cuando vuelve la calma",
    "within {allowed:n} s of the spike's end: {back:n} s to look back over, {delay:n} s of delay, {builds:n} s for the "
    "requests in flight": (
        "a {allowed} s del final del pico como mucho: {back} s de los que mira atrás, {delay} s de espera, {builds} s "
        "para las peticiones en curso"
    ),
    "the engines finished as many requests as were answered, and each finished some": (
        "los motores terminaron tantas peticiones como respuestas hubo, y cada uno terminó alguna"
    ),
    "{count:n}, and at most {others:n} answered by others": "{count}, y como mucho {others} contestadas por otros",
    "Drawn: build/load-6.svg. Its numbers: build/load-6.json": (
        "Dibujado: build/load-6.svg. Sus números: build/load-6.json"
    ),
    "The cluster could not be asked, so the plot and the gates say nothing about replicas": (
        "No se pudo preguntar al cluster, así que el dibujo y las condiciones no dicen nada de las réplicas"
    ),
    "a complete answer from the deployment itself, however long it takes": (
        "una respuesta completa del propio despliegue, tarde lo que tarde"
    ),
    "requests in flight": "peticiones en curso",
    "{times:n} times the target of the least replicas": "{times} veces el objetivo del mínimo de réplicas",
    "calm": "calma",
    "one {part:n}th of the spike's rate": "1/{part} del ritmo del pico",
    "long": "largas",
    # make load-compare and the rest
    "locust printed no gates": "locust no imprimió condiciones",
}
