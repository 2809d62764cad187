"""One trace: its spans, from any service and in any order.

In: spans. Out: the trace as a summary, and complete. Knows nothing of other traces.
"""

from __future__ import annotations

from typing import Any

import orjson

from serving.traces.span import Span, milliseconds

MOST_SPANS = 500


class Trace:
    def __init__(self, trace_id: str) -> None:
        self.id = trace_id
        self.size = 0  # bytes
        self.left_out = 0  # spans above MOST_SPANS
        self._spans: dict[str, Span] = {}
        self._summary: dict[str, Any] | None = None

    def add(self, span: Span) -> bool:
        """False if there is no room. A span that comes again, because its sender got no answer, replaces itself."""
        before = self._spans.get(span.span_id)
        if before is None and len(self._spans) >= MOST_SPANS:
            self.left_out += 1
            return False
        self._spans[span.span_id] = span
        self.size += span.size - (before.size if before else 0)
        self._summary = None
        return True

    def __len__(self) -> int:
        return len(self._spans)

    @property
    def summary(self) -> dict[str, Any]:
        """`started` is in seconds since 1970; name and status are those of the first span without a parent here."""
        if self._summary is None:
            root = self._root()
            self._summary = {
                "trace_id": self.id,
                "name": root.name,
                "started": self._start / 1e9,
                "duration_ms": milliseconds(max(span.ended for span in self._spans.values()) - self._start),
                "status": root.status,
                "http_status": root.http_status,
                "spans": len(self._spans),
            }
        return self._summary

    @property
    def whole(self) -> dict[str, Any]:
        """Every span, in order of their starts."""
        spans = sorted(self._spans.values(), key=lambda span: (span.started, -span.ended))
        return {
            **self.summary,
            "left_out": self.left_out,
            "spans": [span.shown(self._start) for span in spans],
        }

    def says(self, attribute: str, value: str) -> bool:
        """Has one of its spans this attribute with this value?"""
        text = orjson.dumps(value)
        return any(
            text in span.details and orjson.loads(span.details)["attributes"].get(attribute) == value
            for span in self._spans.values()
        )

    @property
    def _start(self) -> int:
        return min(span.started for span in self._spans.values())

    def _root(self) -> Span:
        # The caller's own span, which is the parent of ours, may never come here.
        heads = [span for span in self._spans.values() if span.parent_id not in self._spans]
        return min(heads or self._spans.values(), key=lambda span: (span.started, bool(span.parent_id)))
