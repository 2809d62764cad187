// Spanish, as engineers speak it on both sides of the Atlantic. By the English phrase.

export const PHRASES = {
  // On every page
  "Language": "Idioma",
  "Pages": "Páginas",
  "Playground": "Playground",
  "Traces": "Trazas",
  "Dashboards": "Dashboards",
  "Progress": "Progreso",
  "Copied": "Copiado",
  "Not allowed": "No se permite",
  "Give a token on the playground.": "Indica un token en el playground.",
  "the service does not answer": "el servicio no responde",
  "the service answered {status}": "el servicio respondió {status}",

  // The playground
  "Skip to your message": "Ir a tu mensaje",
  "New": "Nueva",
  "conversation": "conversación",
  "Settings": "Ajustes",
  "Conversation": "Conversación",
  "Ask something. Every answer shows what it took: the wait for its first token, speed, tokens, cost.":
    "Pregunta algo. Cada respuesta muestra lo que costó: la espera hasta el primer token, la velocidad, los " +
    "tokens, el dinero.",
  "What is a cache for?": "¿Para qué sirve una caché?",
  "What does a circuit breaker do?": "¿Qué hace un circuit breaker?",
  "Stop": "Parar",
  "Your message": "Tu mensaje",
  "Send": "Enviar",
  "Wait {wait}": "Espera {wait}",
  "Enter": "Enter",
  "sends ·": "envía ·",
  "Shift+Enter": "Mayús+Enter",
  "breaks the line ·": "salta de línea ·",
  "Esc": "Esc",
  "stops": "para",
  "Settings, limits and state": "Ajustes, límites y estado",
  "Request": "Petición",
  "Model": "Modelo",
  "Temperature": "Temperatura",
  "Max tokens": "Máx. tokens",
  "Stream": "Stream",
  "off: all at once, perhaps cached": "sin él: todo de una vez, quizá de la caché",
  "Send the conversation": "Enviar la conversación",
  "off: each message alone": "si no: cada mensaje por separado",
  "Answering.": "Respondiendo.",
  "Stopped.": "Detenida.",

  // An answer
  "You": "Tú",
  "Ask again": "Preguntar otra vez",
  "Copy text": "Copiar texto",
  "Copy as curl": "Copiar como curl",
  "Copy request id {id}": "Copiar el id de la petición {id}",
  "Trace": "Traza",
  "cut": "cortada",
  "stopped": "detenida",
  "cache {cache}": "caché: {cache}",
  "fallback {fallback}": "alternativa: {fallback}",
  "max tokens reached": "máximo de tokens alcanzado",
  "first token": "primer token",
  "speed": "velocidad",
  "tokens": "tokens",
  "{input} in, {output} out": "{input} de entrada, {output} de salida",
  "cost": "coste",
  "total": "total",
  "the connection broke in the middle of the answer": "la conexión se cortó en medio de la respuesta",
  "the stream ended before the answer did": "el stream terminó antes que la respuesta",

  // The caller, and what is left of the limits
  "Caller": "Quién llama",
  "Token": "Token",
  "Use": "Usar",
  "You are {caller}.": "Eres {caller}.",
  "You ask as a stranger, {caller}.": "Preguntas sin identificarte, como {caller}.",
  "Checked at {time}.": "Comprobado a las {time}.",
  "This cannot be a token: tokens have no spaces and no accents.":
    "Esto no puede ser un token: los tokens no tienen espacios ni acentos.",
  "Remaining": "Lo que te queda",
  "{left} of {limit} requests": "{left} de {limit} peticiones",
  "{left} of {limit} tokens": "{left} de {limit} tokens",
  "requests left": "peticiones que quedan",
  "tokens left": "tokens que quedan",
  "full in {wait}": "completo en {wait}",

  // Circuit breakers and faults
  "Circuit breakers": "Circuit breakers",
  "none yet: the first call makes one": "aún no hay: la primera llamada crea uno",
  "closed": "cerrado",
  "half-open": "medio abierto",
  "open": "abierto",
  "{failed} failed": "fallos: {failed}",
  "opens after {most}": "se abre con {most}",
  "{wait} more": "{wait} más",
  "Faults of the model server": "Fallos del servidor del modelo",
  "Off": "Ninguno",
  "Slow by 2 s": "2 s más lento",
  "429, retry after 5 s": "429, reintentar tras 5 s",
  "Errors 500": "Errores 500",
  "Cut after 5 tokens": "Cortar tras 5 tokens",
  "Hang": "Colgado",
  "Applied to {calls} call so far.": "Aplicado a {calls} llamada hasta ahora.",
  "Applied to {calls} calls so far.": "Aplicado a {calls} llamadas hasta ahora.",
  "In force: {plan}.": "En vigor: {plan}.",

  // Traces
  "Skip to the list": "Ir a la lista",
  "Latest requests": "Últimas peticiones",
  "Filter": "Filtro",
  "Outcome": "Resultado",
  "any outcome": "resultado: todos",
  "refused (4xx)": "rechazadas (4xx)",
  "failed": "fallidas",
  "Duration": "Duración",
  "any duration": "duración: toda",
  "over 100 ms": "más de 100 ms",
  "over 500 ms": "más de 500 ms",
  "over 1 s": "más de 1 s",
  "over 5 s": "más de 5 s",
  "Endpoint": "Endpoint",
  "any endpoint": "endpoint: todos",
  "No trace has arrived yet. Ask the service something: each request becomes a trace.":
    "Todavía no ha llegado ninguna traza. Pregúntale algo al servicio: cada petición se convierte en una traza.",
  "{spans} span": "{spans} span",
  "{spans} spans": "{spans} spans",
  "Choose a request in the list to see where its time went.":
    "Elige una petición de la lista para ver en qué se le fue el tiempo.",
  "Waiting for this trace to arrive…": "Esperando a que llegue esta traza…",
  "no trace of this request is kept: TRACE_SAMPLE_RATIO sets the share that is kept":
    "no se guardó ninguna traza de esta petición: TRACE_SAMPLE_RATIO fija qué parte se guarda",
  "← All traces": "← Todas las trazas",
  "its own time": "su propio tiempo",
  "waiting for a span within it": "espera a un span interior",
  "an event": "un evento",
  "status": "estado",
  "took": "duró",
  "at": "a las",
  "spans": "spans",
  "services": "servicios",
  "trace": "traza",
  "Copy": "Copiar",
  "{count} more were left out": "se omitieron {count} más",
  "took {took}, {its} of it its own · began at {start}": "duró {took}, {its} de ellos propios · empezó en {start}",
  "after {time}": "a los {time}",
  "linked: trace {id}": "enlazada: traza {id}",
  "It failed.": "Falló.",

  // Dashboards
  "Skip to the charts": "Ir a los gráficos",
  "Time shown": "Tiempo mostrado",
  "5 minutes": "5 minutos",
  "15 minutes": "15 minutos",
  "1 hour": "1 hora",
  "6 hours": "6 horas",
  "1 day": "1 día",
  "as of {time}": "a las {time}",
  "The engine behind it": "El motor que hay detrás",
  "No data in this time.": "Sin datos en este tiempo.",
  "As a table": "Como tabla",
  "As PromQL": "Como PromQL",
  "time": "hora",
  "{firing} alert fires": "{firing} alerta activa",
  "{firing} alerts fire": "{firing} alertas activas",
  "No alert fires yet, but some are pending": "Ninguna alerta está activa, pero hay alguna pendiente",
  "No alert fires": "Ninguna alerta está activa",
  "fires": "activa",
  "pending": "pendiente",
  "for {age}": "desde hace {age}",

  // Progress
  "Skip to what is next": "Ir a lo que sigue",
  "of {total} points": "de {total} puntos",
  "{earned} of {total}": "{earned} de {total}",
  "points": "puntos",
  "passes": "pasa",
  "does not pass yet": "todavía no pasa",
  "cannot be graded on this machine": "no se puede evaluar en esta máquina",

  // The panels of shared/dashboards/panels.py
  "Requests": "Peticiones",
  "The load, by endpoint; read every other chart together with this one.":
    "La carga, por endpoint; lee todos los demás gráficos junto con este.",
  "Errors by kind": "Errores por tipo",
  "4xx are callers' mistakes and limits, 502 and 504 are upstream faults, 503 are calls that found no room.":
    "4xx son errores de quien llama y límites; 502 y 504, fallos del upstream; 503, llamadas que no encontraron sitio.",
  "Time to the whole answer": "Tiempo hasta la respuesta completa",
  ["Half of all requests are done within p50, all but one in a hundred within p99; a p99 far above the others is " +
    "a queue, a retry or a slow upstream."]:
    "La mitad de las peticiones termina dentro del p50, y todas menos una de cada cien dentro del p99; un p99 " +
    "muy por encima de los otros es una cola, un reintento o un upstream lento.",
  "Time to the first token": "Tiempo hasta el primer token",
  "The wait of a person who watches the answer grow; it rises first when the upstream is overloaded.":
    "Lo que espera quien ve crecer la respuesta; es lo primero que sube cuando el upstream está sobrecargado.",
  "Tokens": "Tokens",
  "The work itself: few requests with long answers weigh more than many with short ones.":
    "El trabajo en sí: pocas peticiones con respuestas largas pesan más que muchas con respuestas cortas.",
  "Cost per hour": "Coste por hora",
  "The cost of an hour at the present rate, by model; this is the chart that becomes a bill.":
    "Lo que cuesta una hora al ritmo actual, por modelo; este es el gráfico que se convierte en factura.",
  "Cache hits": "Aciertos de la caché",
  "The share of answers that nobody had to pay for; a fall means new questions, or answers that expire too soon.":
    "La parte de las respuestas que nadie tuvo que pagar; si cae, hay preguntas nuevas, o respuestas que caducan " +
    "demasiado pronto.",
  "hits": "aciertos",
  "Refused by a limit": "Rechazadas por un límite",
  "Requests over a limit, by the kind of limit: one greedy client, or a limit that is too low.":
    "Peticiones por encima de un límite, por tipo de límite: un cliente que abusa, o un límite demasiado bajo.",
  "Queued and in progress": "En cola y en curso",
  "A queue that stays means that the upstream answers more slowly than requests come in.":
    "Una cola que no se vacía significa que el upstream responde más despacio de lo que llegan las peticiones.",
  "queued": "en cola",
  "in progress": "en curso",
  "Circuit breakers open": "Circuit breakers abiertos",
  "An upstream that fails too often gets no calls for a while; anything over 0 is an upstream to look at.":
    "Un upstream que falla demasiado deja de recibir llamadas durante un rato; cualquier valor por encima de 0 " +
    "es un upstream que revisar.",
  "Retries, fallbacks, turned away": "Reintentos, alternativas, sin sitio",
  "Calls that were saved, and those that were not; many retries hide an upstream's trouble, at a price.":
    "Llamadas que se salvaron, y las que no; muchos reintentos esconden los problemas de un upstream, y tienen " +
    "un precio.",
  "retries": "reintentos",
  "fallbacks": "alternativas",
  "turned away": "sin sitio",
  "The gateway's own time": "El tiempo propio del gateway",
  "Time spent here and not at an upstream, pauses before retries included; when p50 rises, the gateway is slow.":
    "Tiempo que se pasa aquí y no en un upstream, incluidas las pausas antes de reintentar; cuando sube el p50, " +
    "el gateway va lento.",
  "Memory": "Memoria",
  "Resident memory, of all workers and of the largest one; a line that only ever rises is a leak.":
    "Memoria residente, de todos los workers y del más grande; una línea que no hace más que subir es una fuga.",
  "all workers": "todos los workers",
  "the largest": "el más grande",
  "Replicas": "Réplicas",
  "Wanted by the autoscaler, and ready to answer; the difference is starting, or cannot start.":
    "Las que pide el autoescalado, y las que ya pueden responder; la diferencia está arrancando, o no puede arrancar.",
  "wanted": "pedidas",
  "ready": "listas",
  "Running and waiting": "En marcha y en espera",
  "Requests in the batches of all engines, and those that wait; waiting requests call for another replica.":
    "Peticiones en los batches de todos los motores, y las que esperan; si hay peticiones en espera, hace falta " +
    "otra réplica.",
  "running": "en marcha",
  "waiting": "en espera",
  "Tokens read and made": "Tokens leídos y generados",
  "The engines' work; when the tokens made no longer rise with demand, this hardware can do no more.":
    "El trabajo de los motores; cuando los tokens generados ya no suben con la demanda, este hardware no da más de sí.",
  "read": "leídos",
  "made": "generados",
  "Time to the first token, in the engine": "Tiempo hasta el primer token, en el motor",
  "The engine's part of the wait; the rest is spent on the way there, or in the gateway's queue.":
    "La parte de la espera que pone el motor; el resto se va por el camino, o en la cola del gateway.",
  "KV cache": "KV cache",
  ["The fullest engine's memory for tokens, and the share of prompts that was already in it; a full cache makes " +
    "requests wait, or begin again."]:
    "La memoria para tokens del motor más lleno, y la parte de los prompts que ya estaba en ella; si se llena, " +
    "las peticiones esperan o vuelven a empezar.",
  "in use": "en uso",
  "found again": "ya presente",
};
