"""The service under test, as a client sees it: requests out, answers in, each with the curl that repeats it.

Knows HTTP and the error envelope. Knows nothing of how the service was started or of what is behind it. Notes when each
request was in flight, by the client's clock: the service has decided about it within that time.
"""

import json
import shlex
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx2

from workshop.grader.curl import curl
from workshop.grader.stream import Stream
from workshop.grader.verdict import Failed

T = TypeVar("T")

SHOWN = 300  # characters of a body that a report shows


@dataclass(slots=True, frozen=True)
class Answer:
    """What came back. `status` is None if nothing came, and `text` then says why. `ms` is the client's measurement.

    `sent` and `received` are readings of time.monotonic().
    """

    status: int | None
    headers: Mapping[str, str]
    text: str
    ms: float
    curl: str
    sent: float = 0.0
    received: float = 0.0

    @property
    def json(self) -> Any:
        """The body; None if it is not JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def summary(self) -> str:
        if self.status is None:
            return self.text
        return f"{self.status} {self.text[:SHOWN]}{'…' if len(self.text) > SHOWN else ''}"

    def must(self, holds: bool, expected: str, got: object = None) -> None:
        """Raise Failed unless it holds. Without `got`, the report shows the answer itself."""
        if not holds:
            raise Failed(expected, self.summary if got is None else str(got), self.curl)

    def at(self, kind: type[T], *path: str) -> T:
        """The value at `path` of the JSON body, which must be of type `kind`. Raises Failed."""
        value: Any = self.json
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        wanted = (int, float) if kind is float else kind
        right = isinstance(value, wanted) and not (isinstance(value, bool) and kind is not bool)
        self.must(right, f"{kind.__name__} at {'.'.join(path)} of the JSON body")
        return cast(T, value)

    def must_be_error(self, status: int, why: str = "") -> dict[str, Any]:
        """The `error` object of an answer that must have this status and the common envelope. Raises Failed."""
        self.must(self.status == status, f"{status}{why and ' '}{why}")
        error: dict[str, Any] = self.at(dict, "error")
        missing = {"message", "type", "param", "code", "request_id"} - error.keys()
        self.must(not missing, 'an error as {"error": {message, type, param, code, request_id}}')
        self.must(bool(error["message"]), "an error message that says what was wrong")
        return error


class Service:
    """`shown_url` is the URL that the curl commands talk to. `patience` in seconds.

    `address` is the source address of requests; if it is empty, this machine chooses.
    """

    def __init__(self, url: str, *, shown_url: str = "", patience: float = 30.0, address: str = "") -> None:
        self.url = url.rstrip("/")
        self._shown_url = shown_url or self.url
        self._patience = patience
        self._last_seen: dict[str, float] = {}
        self.around: Callable[[str], str] = lambda shown: shown  # puts the commands that order a fault around a curl
        self.shown: Callable[[str], str] = lambda command: command  # removes the secrets from a curl
        self._client = httpx2.Client(
            trust_env=False,
            timeout=patience,
            transport=httpx2.HTTPTransport(
                trust_env=False,
                local_address=address or None,
                limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64),
            ),
        )

    def close(self) -> None:
        self._client.close()

    def last_seen(self, token: str) -> float | None:
        """When the last request with this token (an empty one means without) ended; None if there was none."""
        return self._last_seen.get(token)

    def at_address(self, address: str) -> "Service":
        """The same service, for a client at another address of this machine. The caller closes it."""
        other = Service(self.url, shown_url=self._shown_url, patience=self._patience, address=address)
        other.around, other.shown = self.around, self.shown
        return other

    def get(self, path: str, **given: Any) -> Answer:
        return self.request("GET", path, **given)

    def post(self, path: str, document: object, **given: Any) -> Answer:
        """POST a JSON document."""
        return self.request("POST", path, body=json.dumps(document, ensure_ascii=False), **given)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> Answer:
        """Send a request. Its body is JSON unless `headers` say otherwise. Never raises: see Answer.status.

        Headers are sent as UTF-8, whatever they contain.
        """
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= headers or {}
        shown = self.around(self.shown(curl(method, f"{self._shown_url}{path}", sent, body)))
        started = time.monotonic()
        status, received, text = None, httpx2.Headers(), ""
        try:
            response = self._client.request(method, f"{self.url}{path}", **self._content(sent, body, patience))
            status, received, text = response.status_code, response.headers, response.text
        except httpx2.TransportError as fault:
            text = self._why(fault, patience)
        ended = time.monotonic()
        self._last_seen[bearer_token(sent)] = ended
        return Answer(status, received, text, (ended - started) * 1000, shown, started, ended)

    def post_slowly(self, path: str, document: object, seconds: float, *, patience: float | None = None) -> Answer:
        """POST a JSON document whose second half follows `seconds` after the first; `sent` is the time of the second.

        `ms` still counts from the beginning.
        """
        body = json.dumps(document)
        halves = body[: len(body) // 2], body[len(body) // 2 :]
        headers = {"Content-Type": "application/json"}
        written = f"(printf %s {shlex.quote(halves[0])}; sleep {seconds:g}; printf %s {shlex.quote(halves[1])})"
        shown = curl("POST", f"{self._shown_url}{path}", {**headers, "Expect": ""})
        moments: list[float] = []

        def slowly() -> Iterator[bytes]:
            moments.append(time.monotonic())
            yield halves[0].encode()
            time.sleep(seconds)
            moments.append(time.monotonic())
            yield halves[1].encode()

        headers["Content-Length"] = str(len(body))
        given = self._content(headers, None, patience) | {"content": slowly()}
        status, received, text = None, httpx2.Headers(), ""
        try:
            response = self._client.request("POST", f"{self.url}{path}", **given)
            status, received, text = response.status_code, response.headers, response.text
        except httpx2.TransportError as fault:
            text = self._why(fault, patience)
        ended = time.monotonic()
        command = self.around(self.shown(f"{written} | {shown} -T -"))
        return Answer(status, received, text, (ended - moments[0]) * 1000, command, moments[-1], ended)

    @contextmanager
    def stream(
        self,
        path: str,
        document: object,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> Iterator[Stream]:
        """POST a JSON document, and read the answer as a stream. Leaving the context closes the connection."""
        body = json.dumps(document, ensure_ascii=False)
        sent = {"Content-Type": "application/json", **(headers or {})}
        command = curl("POST", f"{self._shown_url}{path}", sent, body).replace("curl -i ", "curl -iN ", 1)
        shown = self.around(self.shown(command))
        started = time.monotonic()
        with ExitStack() as opened:
            status, received, text = None, httpx2.Headers(), ""
            blocks: Iterator[bytes] = iter(())
            try:
                response = opened.enter_context(
                    self._client.stream("POST", f"{self.url}{path}", **self._content(sent, body, patience))
                )
                status, received, blocks = response.status_code, response.headers, response.iter_bytes()
            except httpx2.TransportError as fault:
                text = self._why(fault, patience)
            now = time.monotonic()
            head = Answer(status, received, text, (now - started) * 1000, shown, started, now)
            yield Stream(head, blocks, self._patience if patience is None else patience)
        self._last_seen[bearer_token(sent)] = time.monotonic()

    @contextmanager
    def asking(self, path: str, document: object, *, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """POST a JSON document without waiting for the answer. Leaving the context closes the connection."""
        body = json.dumps(document, ensure_ascii=False)
        at = urlsplit(self.url)
        sent = {"Content-Type": "application/json", **(headers or {})}
        lines = [f"POST {path} HTTP/1.1", f"Host: {at.netloc}", f"Content-Length: {len(body.encode())}"]
        lines += [f"{name}: {value}" for name, value in sent.items()]
        shown = self.around(self.shown(curl("POST", f"{self._shown_url}{path}", sent, body)))
        started = time.monotonic()
        port = at.port or (443 if at.scheme == "https" else 80)
        try:
            connection = socket.create_connection((at.hostname or "", port), timeout=self._patience)
        except OSError as fault:
            raise Failed("a service that accepts a call", f"no answer: {fault}", shown) from None
        if at.scheme == "https":
            connection = ssl.create_default_context().wrap_socket(connection, server_hostname=at.hostname)
        with connection:
            connection.sendall("\r\n".join([*lines, "", body]).encode())
            yield Answer(None, {}, "no answer so far", 0.0, shown, started, started)
        self._last_seen[bearer_token(sent)] = time.monotonic()

    def _content(self, sent: Mapping[str, str], body: str | None, patience: float | None) -> dict[str, Any]:
        return {
            "content": None if body is None else body.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "timeout": httpx2.Timeout(self._patience if patience is None else patience),
        }

    def _why(self, fault: httpx2.TransportError, patience: float | None) -> str:
        if isinstance(fault, httpx2.TimeoutException):
            return f"no answer within {self._patience if patience is None else patience:g} seconds"
        return f"no answer: {fault or type(fault).__name__}"


def bearer_token(headers: Mapping[str, str]) -> str:
    """The token in these headers; empty for a stranger."""
    token = headers.get("Authorization", "").removeprefix("Bearer ")
    return "" if token == "anonymous" else token
