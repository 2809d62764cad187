"""A small web server that records its requests, and answers all of them with the same JSON."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.attendee import project

__all__ = ["project"]


@dataclass(slots=True, frozen=True)
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Stranger:
    """A service that is not ours. It answers 404 at the paths that it does not know."""

    url: str
    unknown: set[str] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.seen.append(Seen(self.command, self.path, headers, body))
            answer = b'{"hello": "world"}'
            self.send_response(404 if self.path in service.unknown else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        service = Stranger(f"http://127.0.0.1:{server.server_address[1]}")
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield service
        server.shutdown()
