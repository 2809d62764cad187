"""An HTTP client that corrects nothing: it sends any bytes that a test gives it, on one connection."""

import json
import socket
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, frozen=True)
class Answer:
    """The names in `headers` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


class Client:
    """A client of the service on `port` of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None

    def get(self, path: str, token: str | None = None, **headers: str) -> Answer:
        return self.send("GET", path, _encoded(token, headers))

    def post(self, path: str, body: dict[str, Any], token: str | None = None, **headers: str) -> Answer:
        return self.send("POST", path, _encoded(token, headers), json.dumps(body).encode())

    def generate(self, token: str | None = None, **headers: str) -> Answer:
        return self.post("/generate", {"prompt": "Hola", "max_tokens": 5}, token, **headers)

    def send(self, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> Answer:
        lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: test", b"Content-Length: %d" % len(body)]
        lines += [name + b": " + value for name, value in headers]
        connection = self._connection or socket.create_connection(("127.0.0.1", self._port), timeout=120)
        self._connection = connection
        connection.sendall(b"\r\n".join([*lines, b"", body]))
        answer = _read(connection)
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _encoded(token: str | None, headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        named["Authorization"] = f"Bearer {token}"
    return [(name.encode(), value.encode()) for name, value in named.items()]


def _read(connection: socket.socket) -> Answer:
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(65536)
        assert block, f"the connection ended after {received!r}"
        received += block
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return Answer(int(status.split()[1]), headers, body)
