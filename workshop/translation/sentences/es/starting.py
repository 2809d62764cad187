"""Why a service did not start or does not answer: settings, ports, missing programs, code that does not load."""

SENTENCES = {
    # a process
    "{name:ws} ended with exit status {status:n}": "{name} terminó con exit status {status}",
    "{name:ws} ended by itself with exit status {status:n}; stopping the rest": (
        "{name} terminó por su cuenta con exit status {status}; se para lo demás"
    ),
    "{name:ws} did not answer at {url} within {seconds:n} seconds": "{name} no contestó en {url} en {seconds} segundos",
    "the gateway": "el gateway",
    "the embedded model server": "el servidor del modelo incluido",
    "the trace receiver": "el receptor de trazas",
    "the alert forwarder": "el reenviador de alertas",
    "Ray Serve and vLLM are not installed: make install-serving": (
        "Ray Serve y vLLM no están instalados: make install-serving"
    ),
    "there are no {ports:n} consecutive free ports for Ray Serve": (
        "no hay {ports} puertos libres seguidos para Ray Serve"
    ),
    "serve deploy: {reason}": "serve deploy: {reason}",
    "prometheus is missing; on Debian: apt-get install prometheus": (
        "falta prometheus; en Debian: apt-get install prometheus"
    ),
    "there is no redis-server: make install brings one, or on Debian apt-get install {package}": (
        "no hay redis-server: make install trae uno, o en Debian apt-get install {package}"
    ),
    # a URL
    "{what}: {reason:s}": "{what}: {reason}",
    "{url:w} does not answer at /health: {reason}": "{url} no contesta en /health: {reason}",
    "it took the connection and did not answer within {seconds:n} s": "aceptó la conexión y no contestó en {seconds} s",
    "it answers {status:n}": "contesta {status}",
    "no connection within {seconds:n} s": "no hay conexión en {seconds} s",
    "nobody listens there": "ahí no escucha nadie",
    "URL={text}: must start with http:// or https://, or with the host, as in localhost:8000": (
        "URL={text}: tiene que empezar por http:// o https://, o por el host, como localhost:8000"
    ),
    "URL={text}: the port must be a number from 1 to 65535, as in localhost:8000": (
        "URL={text}: el puerto tiene que ser un número de 1 a 65535, como en localhost:8000"
    ),
    "URL={text}: is not the URL of a service; write it as in http://localhost:8000": (
        "URL={text}: no es la URL de un servicio; escríbela como http://localhost:8000"
    ),
    "URL={text}: write an IPv6 address in brackets, as in http://[::1]:8000": (
        "URL={text}: escribe una dirección IPv6 entre corchetes, como http://[::1]:8000"
    ),
    # HOST and PORT
    "cannot listen on port {port:n}: the largest is {largest:n}; choose another {name}": (
        "no se puede escuchar en el puerto {port}: el mayor es {largest}; elige otro {name}"
    ),
    "cannot listen on {host}:{port:n}: a port below 1024 needs root rights; choose another {name}": (
        "no se puede escuchar en {host}:{port}: un puerto por debajo de 1024 necesita permisos de root; elige otro "
        "{name}"
    ),
    "cannot listen on {host}:{port:n}: {reason}; choose another {name}": (
        "no se puede escuchar en {host}:{port}: {reason}; elige otro {name}"
    ),
    "Address already in use": "la dirección ya está en uso",
    "HOST={host}: is not an address of this machine ({reason}); {right}": (
        "HOST={host}: no es una dirección de esta máquina ({reason}); {right}"
    ),
    "write HOST=127.0.0.1, or HOST=0.0.0.0 for every interface": (
        "escribe HOST=127.0.0.1, o HOST=0.0.0.0 para todas las interfaces"
    ),
    "not a name": "no es un nombre",
    "PORT=0: a demo needs a port that it can tell you; write PORT=8000, or another free one": (
        "PORT=0: una demo necesita un puerto que pueda decirte; escribe PORT=8000, u otro que esté libre"
    ),
    "PORT (the embedded model listens {above:n} above it)": "PORT (el modelo incluido escucha {above} por encima)",
    "PORT (Ray Serve takes {first:n} to {last:n} above it)": "PORT (Ray Serve ocupa de {first} a {last} por encima)",
    "PORT (the trace receiver listens {above:n} above it)": "PORT (el receptor de trazas escucha {above} por encima)",
    "PORT (Prometheus listens {above:n} above it)": "PORT (Prometheus escucha {above} por encima)",
    # code
    "cannot load {module}: it has no {function}(settings)": (
        "no se puede cargar {module}: no tiene {function}(settings)"
    ),
    "cannot load {module}: {function}(settings) returned {returned}, not an application": (
        "no se puede cargar {module}: {function}(settings) devolvió {returned}, no una aplicación"
    ),
    "cannot load {module}: {error}": "no se puede cargar {module}: {error}",
    "nothing": "nada",
}
