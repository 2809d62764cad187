"""The latest traces, within limits: for their number, the spans of each, and the bytes in all. The oldest goes first.

In: spans. Out: traces. Knows nothing of HTTP or OTLP.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from serving.traces.span import Span
from serving.traces.trace import MOST_SPANS, Trace

MOST_TRACES = 200
MOST_BYTES = 32 << 20


class Traces:
    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}  # in the order in which their first spans came
        self.size = 0  # bytes

    def add(self, spans: Iterable[Span]) -> int:
        """Add these spans. Returns how many found no room."""
        refused = 0
        for span in spans:
            trace = self._traces.get(span.trace_id)
            if trace is None:
                trace = self._traces[span.trace_id] = Trace(span.trace_id)
            before = trace.size
            refused += not trace.add(span)
            self.size += trace.size - before
            while len(self._traces) > MOST_TRACES or (self.size > MOST_BYTES and len(self._traces) > 1):
                self.size -= self._traces.pop(next(iter(self._traces))).size
        return refused

    def newest(self, attribute: str = "", value: str = "") -> list[dict[str, Any]]:
        """One line per trace, by its start; with an attribute, only traces with a span that has this value."""
        found = [trace for trace in self._traces.values() if not attribute or trace.says(attribute, value)]
        return sorted((trace.summary for trace in found), key=lambda line: line["started"], reverse=True)

    def get(self, trace_id: str) -> dict[str, Any] | None:
        trace = self._traces.get(trace_id)
        return trace.whole if trace else None

    def held(self) -> dict[str, int]:
        spans = sum(map(len, self._traces.values()))
        return {"traces": len(self._traces), "spans": spans, "bytes": self.size}


NO_ROOM = f"a trace has more than {MOST_SPANS} spans"
