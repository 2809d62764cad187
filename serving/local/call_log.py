"""The register of chat calls: how many came, how they ended, and the last hundred of them.

In: a call that begins, and its outcome. Out: what GET /admin/calls shows. Tests and labs see here what the server has
really received.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Outcome = Literal["in_flight", "finished", "failed", "cancelled"]
KEPT = 100


@dataclass(slots=True)
class CallRecord:
    """`cancelled` means that the client left. Prompts and answers are never kept."""

    started: float
    x_request_id: str | None = None
    traceparent: str | None = None
    model: str | None = None
    stream: bool | None = None
    prompt_tokens: int | None = None
    completion_tokens: int = 0
    max_tokens: int | None = None
    finish_reason: str | None = None
    unknown_fields: list[str] = field(default_factory=list)  # names in the request that this server does not know
    fault: str | None = None
    status: int | None = None
    outcome: Outcome = "in_flight"
    duration_s: float | None = None


class Calls:
    def __init__(self) -> None:
        self._in_flight = 0
        self._received = 0
        self._ended: Counter[str] = Counter()
        self._last: deque[CallRecord] = deque(maxlen=KEPT)

    def begin(self, x_request_id: str | None, traceparent: str | None) -> CallRecord:
        call = CallRecord(time.time(), x_request_id, traceparent)
        self._last.append(call)
        self._in_flight += 1
        self._received += 1
        return call

    def end(self, call: CallRecord, outcome: Outcome) -> None:
        call.outcome = outcome
        call.duration_s = round(time.time() - call.started, 6)
        self._in_flight -= 1
        self._ended[outcome] += 1

    def reset(self) -> None:
        """Calls in flight stay counted, so that received = in_flight + finished + failed + cancelled still holds."""
        self._ended.clear()
        self._received = self._in_flight
        self._last = deque((call for call in self._last if call.outcome == "in_flight"), maxlen=KEPT)

    def view(self) -> dict[str, Any]:
        ended = {name: self._ended[name] for name in ("finished", "failed", "cancelled")}
        return (
            {"received": self._received, "in_flight": self._in_flight}
            | ended
            | {"last": [asdict(c) for c in self._last]}
        )
