"""What a limiter let through, judged from outside.

All we know is that a request was admitted between its sending and its answer; a claim here holds for every moment in
between. In: requests as a client saw them, in seconds on one clock. Out: how many were together in one window, at least
or at most.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TOLERANCE = 0.002  # seconds; there are two clocks, and a limiter may round its times


@dataclass(slots=True, frozen=True)
class Seen:
    """One request. `weight` is what it counts against the limit: 1, or its tokens."""

    sent: float
    received: float
    admitted: bool
    weight: int = 1


def surely_together(seen: Iterable[Seen], window: float) -> int:
    """The most that the limiter admitted within one sliding window. If it is over the limit, the limiter is wrong."""
    admitted = sorted((one for one in seen if one.admitted), key=lambda one: one.sent)
    most = 0
    for position, first in enumerate(admitted):
        ends = first.sent + window - TOLERANCE
        most = max(most, sum(one.weight for one in admitted[position:] if one.received < ends))
    return most


def possibly_together(seen: Iterable[Seen], refused: Seen, window: float) -> int:
    """The most that the window can have held at this refusal. If it is under the limit, the limiter is wrong too."""
    began = refused.sent - window - TOLERANCE
    return sum(one.weight for one in seen if one.admitted and one.received > began and one.sent < refused.received)


def wrongly_refused(seen: Sequence[Seen], limit: int, window: float) -> list[Seen]:
    """The requests that were refused although there was room for them."""
    return [one for one in seen if not one.admitted and possibly_together(seen, one, window) < limit]
