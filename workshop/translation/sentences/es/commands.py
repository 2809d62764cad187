"""What make says of its arguments, of tokens, and of where else to look while a demo runs."""

SENTENCES = {
    # arguments of make
    "say who: make token USER=ana": "di para quién: make token USER=ana",
    "say whose: make revoke USER=ana": "di de quién: make revoke USER=ana",
    "URL and ONLY are for one demo: make grade-1 …": "URL y ONLY son para una sola demo: make grade-1 …",
    "say which two: make load-compare A=build/load/… B=build/load/…": (
        "di cuáles dos: make load-compare A=build/load/… B=build/load/…"
    ),
    "copy the folder wheelhouse into each clone: make installs from it, and asks no network": (
        "copia la carpeta wheelhouse en cada clon: make instala desde ella, y no usa la red"
    ),
    "make images needs docker, podman or buildah; on Debian: apt-get install podman": (
        "make images necesita docker, podman o buildah; en Debian: apt-get install podman"
    ),
    "grype is missing: the images are not scanned": "falta grype: las imágenes no se revisan",
    "kubectl is missing: the manifests are not rendered": "falta kubectl: los manifiestos no se generan",
    # tokens
    "{id:w} for {user:w}; it is shown only once:": "{id} para {user}; se muestra una sola vez:",
    "revoked {count:n} token of {user}": "{count} token revocado de {user}",
    "revoked {count:n} tokens of {user}": "{count} tokens revocados de {user}",
    "there is no user and no token {name}; make tokens lists them": (
        "no hay un usuario ni un token {name}; make tokens da la lista"
    ),
    "{name} is not a user name: 1 to 64 letters, digits, . _ @ or -, the first a letter or digit, and not {prefix}…": (
        "{name} no es un nombre de usuario: de 1 a 64 letras, cifras, . _ @ o -, la primera una letra o cifra, y no "
        "{prefix}…"
    ),
    "DATABASE_URL: {name} does not answer: {fault}": "DATABASE_URL: {name} no contesta: {fault}",
    "{text} is not an amount of US dollars, such as 5 or 0.25": "{text} no es una cantidad de dólares, como 5 o 0.25",
    # make demo-N
    "# and in a browser: {url}": "# y en un navegador: {url}",
    "# in a browser: {urls}": "# en un navegador: {urls}",
    "# Prometheus itself: {url:w}/graph   and what it would wake you for: {url:w}/alerts": (
        "# el propio Prometheus: {url}/graph   y por qué te despertaría: {url}/alerts"
    ),
    "{command}   # tell it of an alert yourself, signed": "{command}   # avísale tú de una alerta, firmada",
    "{hey}http://localhost:{port:n}/v1/chat/completions   # and watch a second replica come": (
        "{hey}http://localhost:{port}/v1/chat/completions   # y mira llegar una segunda réplica"
    ),
    "# Ray's own dashboard: http://127.0.0.1:{port:n}   its token: {file}": (
        "# el dashboard del propio Ray: http://127.0.0.1:{port}   su token: {file}"
    ),
}
