"""The traces of the service under test, as an OTLP receiver (`python -m serving.traces`) holds them.

In: the URL of the receiver's JSON API. Out: traces, with a wait: a service sends them a moment after it has answered.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

HERE_WITHIN = 6.0  # seconds
QUIET = 0.1  # seconds without a further span; a trace may arrive in parts
POLL_SECONDS = 0.02
CLIENT, INTERNAL, SERVER = "CLIENT", "INTERNAL", "SERVER"


@dataclass(slots=True, frozen=True)
class Span:
    """`kind` and `status` are OpenTelemetry's words without their prefix: CLIENT, ERROR."""

    span_id: str
    parent_id: str
    name: str
    kind: str
    status: str
    duration_ms: float
    attributes: Mapping[str, Any]
    events: tuple[str, ...]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Span":
        return cls(
            document["span_id"],
            document.get("parent_id") or "",
            document["name"],
            _word(document.get("kind"), "SPAN_KIND_"),
            _word(document.get("status"), "STATUS_CODE_"),
            document.get("duration_ms") or 0.0,
            document.get("attributes") or {},
            tuple(event["name"] for event in document.get("events") or ()),
        )


def _word(value: object, prefix: str) -> str:
    return str(value or "").upper().removeprefix(prefix)


@dataclass(slots=True, frozen=True)
class Trace:
    """`url` shows it to a person."""

    trace_id: str
    spans: tuple[Span, ...]
    url: str

    def of_kind(self, kind: str) -> list[Span]:
        return [span for span in self.spans if span.kind == kind]

    @property
    def roots(self) -> list[Span]:
        """The spans whose parent is not in this trace."""
        known = {span.span_id for span in self.spans}
        return [span for span in self.spans if span.parent_id not in known]

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def above(self, span: Span) -> list[Span]:
        """Its parent, the parent's parent, and so on."""
        by_id = {other.span_id: other for other in self.spans}
        line: list[Span] = []
        while (parent := by_id.get(span.parent_id)) is not None and parent not in line:
            line.append(parent)
            span = parent
        return line


class Traces:
    """`shown_url` is the URL that reports show."""

    def __init__(self, url: str, *, shown_url: str = "") -> None:
        self.url = url.rstrip("/")
        self._shown_url = shown_url or self.url
        self._client = httpx2.Client(base_url=self.url, trust_env=False, timeout=5)

    def close(self) -> None:
        self._client.close()

    def listen(self) -> bool:
        """Does a receiver answer there?"""
        try:
            return bool(self._client.get("/health").status_code == 200)
        except httpx2.TransportError:
            return False

    def show(self, trace_id: str) -> str:
        return f"curl {self._shown_url}/traces/{trace_id or '…'}"

    def of(self, trace_id: str, within: float = HERE_WITHIN) -> Trace | None:
        """The trace with this id, once it is complete; None if it does not come."""
        return self._wait(lambda: self._read(trace_id), within)

    def new(self, since: float, name: str, within: float = HERE_WITHIN) -> Trace | None:
        """The trace with a span of this name that began after `since` (seconds since 1970); None if none comes."""
        return self._wait(lambda: next(self._begun(since, name), None), within)

    def _begun(self, since: float, name: str) -> Iterator[Trace]:
        for summary in self._client.get("/traces").json():
            if summary["started"] >= since:
                trace = self._read(summary["trace_id"])
                if trace is not None and name in trace.names:
                    yield trace

    def _wait(self, look: Callable[[], Trace | None], within: float) -> Trace | None:
        patience_ends = time.monotonic() + within
        while (trace := look()) is None or not trace.of_kind(SERVER):
            if time.monotonic() > patience_ends:
                return trace
            time.sleep(POLL_SECONDS)
        while True:
            time.sleep(QUIET)
            further = self._read(trace.trace_id)
            if further is None or len(further.spans) == len(trace.spans):
                return trace
            trace = further

    def _read(self, trace_id: str) -> Trace | None:
        found = self._client.get(f"/traces/{trace_id}")
        if found.status_code != 200:
            return None
        spans = tuple(Span.read(span) for span in found.json()["spans"])
        return Trace(trace_id, spans, self.show(trace_id))
