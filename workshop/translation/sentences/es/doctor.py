"""What make doctor finds, and what it takes to run the demos here."""

SENTENCES = {
    # machines
    "{machine}: demos 1 to 5 run here": "{machine}: aquí funcionan las demos de la 1 a la 5",
    "demo 6 does not run here: {why}": "la demo 6 no funciona aquí: {why}",
    "Python {wanted} is needed, and this is {given:n}: make PYTHON=python{newest:n}": (
        "hace falta Python {wanted}, y este es {given}: make PYTHON=python{newest}"
    ),
    "{oldest:n} to {newest:n}": "de {oldest} a {newest}",
    "there are no packages for {system:w} on {machine:w}: {elsewhere:s}": (
        "no hay paquetes para {system} en {machine}: {elsewhere}"
    ),
    "there is no vLLM for {system:w} on {machine:w}: {elsewhere:s}": (
        "no hay vLLM para {system} en {machine}: {elsewhere}"
    ),
    "open the dev container (VS Code, Codespaces), or on Windows use WSL": (
        "abre el dev container (VS Code, Codespaces), o en Windows usa WSL"
    ),
    "macOS {wanted:n} or newer is needed, and this is {given:n}: {elsewhere:s}": (
        "hace falta macOS {wanted} o más nuevo, y este es {given}: {elsewhere}"
    ),
    "glibc {wanted:n} or newer is needed, and this is {given:ws}: {elsewhere:s}": (
        "hace falta glibc {wanted} o más nueva, y esta es {given}: {elsewhere}"
    ),
    "another C library": "otra biblioteca de C",
    "demo 6 needs Python {wanted:n}, and this is {given:n}: make demo-6 PYTHON=python{wanted:n}": (
        "la demo 6 necesita Python {wanted}, y este es {given}: make demo-6 PYTHON=python{wanted}"
    ),
    # environments
    "{folder:w} with {purpose}": "{folder} con {purpose}",
    "what the demos need": "lo que necesitan las demos",
    "what the tests need": "lo que necesitan los tests",
    "our peers, and clients for tests": "otros gateways para comparar, y clientes para los tests",
    "Ray Serve and vLLM": "Ray Serve y vLLM",
    "{what:s} for CPUs (3 GB, some minutes)": "{what} para CPU (3 GB, unos minutos)",
    "{what:s} for CUDA (3 GB, some minutes)": "{what} para CUDA (3 GB, unos minutos)",
    "make install-serving, for demo 6": "make install-serving, para la demo 6",
    "{what} is not there: {remedy}": "no está {what}: {remedy}",
    "the Python of {what} is gone: {remedy} builds it again": (
        "el Python de {what} ya no existe: {remedy} lo construye otra vez"
    ),
    "{what} is {half:s}: {remedy}": "{what} está {half}: {remedy}",
    "half built": "a medio construir",
    "not there yet": "todavía sin construir",
    "{what} was built for another folder or Python: {remedy} builds it again": (
        "{what} se construyó para otra carpeta u otro Python: {remedy} lo construye otra vez"
    ),
    "{what}: not as pinned: {names}; run make clean install": (
        "{what}: con otras versiones que las fijadas: {names}; ejecuta make clean install"
    ),
    "{what} was installed from an older list: {remedy}": "{what} se instaló con una lista más antigua: {remedy}",
    "{what}: {count:n} pinned packages, by Python {version}": (
        "{what}: {count} paquetes con su versión fijada, con Python {version}"
    ),
    "set in your shell, but ignored by make: {names}": "puestas en tu shell, pero make las ignora: {names}",
    # building environments
    "installing {purpose} into {folder}…": "instalando {purpose} en {folder}…",
    "another make is building {folder}: waiting for it…": "otro make está construyendo {folder}: hay que esperarlo…",
    "cannot build {folder}: {reason}": "no se puede construir {folder}: {reason}",
    "{python} cannot make virtual environments: {advice:s} (on Debian python3-venv)": (
        "{python} no puede crear entornos virtuales: {advice} (en Debian python3-venv)"
    ),
    "  it said: {said}": "  dijo: {said}",
    "Free some disk": "libera disco",
    "install its venv package": "instala su paquete venv",
    "pip says that it has installed {listing}, but {folder} lacks {names}.": (
        "pip dice que ha instalado {listing}, pero en {folder} faltan {names}."
    ),
    "{names} and {more:n} more": "{names} y {more} más",
    "A setting sends packages elsewhere: look at `pip config list` and at variables that begin with PIP_": (
        "Un ajuste manda los paquetes a otro sitio: mira `pip config list` y las variables que empiezan por PIP_"
    ),
    "pip's settings cannot be read: {reason}": "los ajustes de pip no se pueden leer: {reason}",
    "could not install {purpose}:": "no se ha podido instalar {purpose}:",
    "pip's full output: {file}": "todo lo que dijo pip: {file}",
    "The folder wheelhouse was made for other packages, another system or another Python: remove it.": (
        "La carpeta wheelhouse se hizo para otros paquetes, otro sistema u otro Python: bórrala."
    ),
    "Free some disk, then run the same make again.": "Libera disco, y repite el mismo make.",
    "The package index did not answer. Check the network, HTTPS_PROXY and `pip config list`; then make again.": (
        "El índice de paquetes no contestó. Revisa la red, HTTPS_PROXY y `pip config list`; después, make otra vez."
    ),
    "`pip config list` says where pip looks. If Python {version:n} is the reason: make PYTHON=python3.12 …": (
        "`pip config list` dice dónde busca pip. Si el motivo es Python {version}: make PYTHON=python3.12 …"
    ),
    "The machine may have too little memory. Run the same make again.": (
        "Puede que la máquina tenga poca memoria. Repite el mismo make."
    ),
    "Fix that, then run the same make again.": "Arréglalo, y repite el mismo make.",
    # the machine
    "the embedded model's weights are in serving/tiny_model/weights": (
        "los pesos del modelo incluido están en serving/tiny_model/weights"
    ),
    "{cores:n} CPU cores": "{cores} núcleos de CPU",
    "{free:n} GiB of disk free (6 or more)": "{free} GiB de disco libres (6 o más)",
    # settings
    "settings cannot be checked without .venv; ports are checked with HOST and PORT alone": (
        "los ajustes no se pueden comprobar sin .venv; los puertos se comprueban solo con HOST y PORT"
    ),
    "a setting is wrong: {line}": "un ajuste está mal: {line}",
    "they cannot be read: {last}": "no se pueden leer: {last}",
    "the settings make sense": "los ajustes tienen sentido",
    "HOST={host} cannot be resolved ({reason}): {remedy}": "HOST={host} no se puede resolver ({reason}): {remedy}",
    "HOST={host} is not an address of this machine ({reason}): {remedy}": (
        "HOST={host} no es una dirección de esta máquina ({reason}): {remedy}"
    ),
    "HOST={host} is an address of this machine": "HOST={host} es una dirección de esta máquina",
    "unset HOST (conda sets it), or set HOST=127.0.0.1": "quita HOST (conda la pone), o pon HOST=127.0.0.1",
    # ports and proxies
    "port {port:n} is free, for {name}": "el puerto {port} está libre, para {name}",
    "port {port:n}, for {name}, is taken: choose another PORT": (
        "el puerto {port}, para {name}, está ocupado: elige otro PORT"
    ),
    "the embedded model": "el modelo incluido",
    "traces": "las trazas",
    "{proxies} without {hosts} in NO_PROXY: our own programs go straight to this machine, but curl and your clients "
    "will not: export NO_PROXY={all}": (
        "{proxies} sin {hosts} en NO_PROXY: nuestros programas van directos a esta máquina, pero curl y tus clientes "
        "no: "
        "export NO_PROXY={all}"
    ),
    "upstream {url}, {key:s}": "upstream {url}, {key}",
    "with a key": "con una clave",
    "without a key (OPENAI_API_KEY)": "sin clave (OPENAI_API_KEY)",
    "{url:w} {answers:s}": "{url} {answers}",
    "answers": "contesta",
    "does not answer": "no contesta",
    # programs
    "{name:w} at {path}": "{name} en {path}",
    "{name:w} is missing: {purpose}; on Debian apt-get install {package}": (
        "falta {name}: {purpose}; en Debian apt-get install {package}"
    ),
    "{name:w} is missing ({purpose}); on Debian: apt-get install {package}": (
        "falta {name} ({purpose}); en Debian: apt-get install {package}"
    ),
    "installing {packages}…": "instalando {packages}…",
    "the labs' requests": "las peticiones de los laboratorios",
    "the labs' queries of logs.json": "las consultas a logs.json de los laboratorios",
    "the labs' load": "la carga de los laboratorios",
    "the tests of the playground; slides as PDF, and the check that none overflows": (
        "los tests del playground; las diapositivas en PDF, y comprobar que ninguna se desborda"
    ),
    "demo 5's metrics over time, and the tests of its rules": (
        "las métricas de la demo 5 en el tiempo, y los tests de sus reglas"
    ),
    "the check of Prometheus' rules, in demo 5's lab": (
        "comprobar las reglas de Prometheus, en el laboratorio de la demo 5"
    ),
    "limits and caches that several processes share, in labs and tests": (
        "límites y cachés que comparten varios procesos, en laboratorios y tests"
    ),
    "the load of make bench": "la carga de make bench",
    "the images, built and run by make prove": "las imágenes, que make prove construye y arranca",
    "podman's containers": "los contenedores de podman",
    "podman's networks": "las redes de podman",
    "names in podman's networks": "los nombres en las redes de podman",
    "the first process of podman's containers": "el primer proceso de los contenedores de podman",
    "a base image where none can be pulled": "una imagen base donde no se puede descargar ninguna",
    "the static upstream of make bench": "el upstream estático de make bench",
    # for a class
    "{memory:n} GiB of memory; demo 6 takes up to 8": "{memory} GiB de memoria; la demo 6 usa hasta 8",
    "there is no wheelhouse, so the room installs over its network: make wheelhouse; DEMO=6 adds demo 6": (
        "no hay wheelhouse, así que la sala instala por su red: make wheelhouse; DEMO=6 añade la demo 6"
    ),
    "wheelhouse lacks {count:n} of {all:n} packages: {names}: make wheelhouse": (
        "a wheelhouse le faltan {count} de {all} paquetes: {names}: make wheelhouse"
    ),
    "wheelhouse has all {count:n} packages, {size:n} MB, for {machines}; copy it into each clone": (
        "wheelhouse tiene los {count} paquetes, {size} MB, para {machines}; cópiala en cada clon"
    ),
    "{pythons} on {machines} only": "{pythons} en {machines} solamente",
    "any Python": "cualquier Python",
    "any machine": "cualquier máquina",
    "decks that are not built: {names}: make slides": "presentaciones sin construir: {names}: make slides",
    "decks that are older than their text: {names}: make slides": (
        "presentaciones más antiguas que su texto: {names}: make slides"
    ),
    "{count:n} decks are in build/slides; copy the folder to a USB stick, too": (
        "hay {count} presentaciones en build/slides; copia la carpeta también a un USB"
    ),
}
