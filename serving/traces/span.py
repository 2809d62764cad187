"""A span as this receiver keeps it: identity, times, and its details serialised as JSON, so that its size is known.

Knows nothing of OTLP, HTTP or other spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(slots=True, frozen=True)
class Span:
    """Ids are hexadecimal digits; `parent_id` is empty without a parent. Times are nanoseconds since 1970.

    `status` is unset, ok or error. `details`: service, kind, attributes, events and links, as JSON.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    status: str
    http_status: int | None
    started: int
    ended: int
    details: bytes

    @property
    def size(self) -> int:
        """Roughly how many bytes it takes here."""
        return OVERHEAD + len(self.name) + len(self.details)

    def shown(self, start: int) -> dict[str, Any]:
        """Its JSON, with times counted from `start`."""
        return {
            "span_id": self.span_id,
            "parent_id": self.parent_id or None,
            "name": self.name,
            "started_ms": milliseconds(self.started - start),
            "duration_ms": milliseconds(self.ended - self.started),
            "status": self.status,
            **orjson.loads(self.details),
        }


OVERHEAD = 700  # bytes of a Span besides its texts, with its dictionary entry


def milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
