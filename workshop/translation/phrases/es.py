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
}

# What the code says of its settings, routes and layers, on cheat sheets.
EXPLANATIONS: dict[str, str] = {}
