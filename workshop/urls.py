"""The URL of a service: read as people write it, and written so that clients can reach it.

In: the text after `URL=`, or the address that a service listens on. Out: a base URL without a slash at its end, as in
`http://localhost:8000`. Does not know whether anybody answers there.
"""

import urllib.parse

ROUTES = (  # cut off the end of a URL: people copy them from the labs' curl commands
    "/v1/chat/completions",
    "/v1/models",
    "/v1",
    "/generate/stream",
    "/generate/batch",
    "/generate",
    "/summarize",
    "/infer",
    "/usage",
    "/cache/stats",
    "/webhooks/ingest",
    "/playground/traces",
    "/playground/dashboards",
    "/playground",
    "/metrics",
    "/health",
    "/ready",
)
REACHED_AT = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # every interface includes this one


class BadUrl(ValueError):
    """One line that says what is wrong with a URL, and what would be right."""


def service_url(text: str) -> str:
    """The base URL of a service: `localhost:8000`, `http://localhost:8000/` and `…:8000/health` are all the same one.

    A path that is not one of our routes stays: a service may live under a prefix. Raises BadUrl.
    """
    parts, port = _read(text)
    if parts.scheme not in {"http", "https"}:
        raise BadUrl(f"URL={text}: must start with http:// or https://, or with the host, as in localhost:8000")
    if port == 0:
        raise BadUrl(f"URL={text}: the port must be a number from 1 to 65535, as in localhost:8000")
    if not parts.hostname or parts.username is not None or any(map(str.isspace, parts.netloc)):
        raise BadUrl(f"URL={text}: is not the URL of a service; write it as in http://localhost:8000")
    return f"{parts.scheme}://{_host(parts.hostname)}{f':{port}' if port else ''}{_prefix(parts.path)}"


def _read(text: str) -> tuple[urllib.parse.SplitResult, int | None]:
    """Its parts, and its port: None if it names no port, 0 if the port is impossible. Raises BadUrl."""
    given = text.strip()
    if given.removeprefix(":").isdigit():
        given = f"localhost:{given.removeprefix(':')}"
    try:
        parts = urllib.parse.urlsplit(given if "://" in given else f"http://{given.lstrip('/')}")
    except ValueError:
        raise BadUrl(f"URL={text}: write an IPv6 address in brackets, as in http://[::1]:8000") from None
    try:
        return parts, parts.port
    except ValueError:
        return parts, 0


def reached_at(host: str, port: int) -> str:
    """The URL at which this machine reaches a service that listens on `host`."""
    return f"http://{_host(REACHED_AT.get(host, host))}:{port}"


def shown_at(host: str, port: int) -> str:
    """The same for people, who know 127.0.0.1 as localhost."""
    return reached_at(host, port).replace("://127.0.0.1:", "://localhost:")


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _prefix(path: str) -> str:
    path = path.rstrip("/")
    return next((path.removesuffix(route) for route in ROUTES if path.endswith(route)), path).rstrip("/")
