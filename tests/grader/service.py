"""The service under test, as a client sees it: requests out, answers in, each with the curl that repeats it.

Knows HTTP and the error envelope; knows nothing of how the service was started or what stands behind it.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import httpx2

from tests.grader.curl import curl
from tests.grader.verdict import Failed

T = TypeVar("T")

SHOWN = 300  # characters of a body that a report shows


@dataclass(slots=True, frozen=True)
class Answer:
    """What came back. `status` is None when nothing did, and `text` then says why. `ms` is what the client measured."""

    status: int | None
    headers: Mapping[str, str]
    text: str
    ms: float
    curl: str

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
        """Raise Failed unless it holds. Without `got`, the answer itself is what came."""
        if not holds:
            raise Failed(expected, self.summary if got is None else str(got), self.curl)

    def at(self, kind: type[T], *path: str) -> T:
        """The value at `path` of the JSON body, which must be a `kind`. Raises Failed."""
        value: Any = self.json
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        wanted = (int, float) if kind is float else kind
        right = isinstance(value, wanted) and not (isinstance(value, bool) and kind is not bool)
        self.must(right, f"{kind.__name__} at {'.'.join(path)} of the JSON body")
        return cast(T, value)

    def must_be_error(self, status: int, why: str = "") -> dict[str, Any]:
        """The `error` object of an answer that must have this status and the one envelope. Raises Failed."""
        self.must(self.status == status, f"{status}{why and ' '}{why}")
        error: dict[str, Any] = self.at(dict, "error")
        missing = {"message", "type", "param", "code", "request_id"} - error.keys()
        self.must(not missing, 'an error as {"error": {message, type, param, code, request_id}}')
        self.must(bool(error["message"]), "an error message that says what was wrong")
        return error


class Service:
    """`shown_url` is the URL that the curl commands talk to. `patience` in seconds."""

    def __init__(self, url: str, *, shown_url: str = "", patience: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._shown_url = shown_url or self.url
        self._patience = patience
        self.around: Callable[[str], str] = lambda shown: shown  # puts the order of a fault around a curl
        self._client = httpx2.Client(
            trust_env=False, timeout=patience, limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64)
        )

    def close(self) -> None:
        self._client.close()

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
        """Send it. A body is declared as JSON unless `headers` say otherwise. Never raises: see Answer.status."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= headers or {}
        shown = self.around(curl(method, f"{self._shown_url}{path}", sent, body))
        waits = self._patience if patience is None else patience
        started = time.perf_counter()
        try:
            response = self._client.request(
                method,
                f"{self.url}{path}",
                content=None if body is None else body.encode(),
                headers=sent,
                timeout=httpx2.Timeout(waits),
            )
        except httpx2.TimeoutException:
            return Answer(None, {}, f"no answer within {waits:g} seconds", _ms_since(started), shown)
        except httpx2.TransportError as fault:
            return Answer(None, {}, f"no answer: {fault or type(fault).__name__}", _ms_since(started), shown)
        return Answer(response.status_code, response.headers, response.text, _ms_since(started), shown)


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
