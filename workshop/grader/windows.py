"""What a limiter let through, judged from outside.

When a request was admitted is known only to lie between its sending and its answer; nothing is claimed here that is not
so wherever in between. In: requests as a client saw them, in seconds on one clock. Out: how many were together in a
window, at least or at most.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TOLERANCE = 0.002  # seconds; two clocks tick, and a limiter may round its times


@dataclass(slots=True, frozen=True)
class Seen:
    """One request. `weight` is what it counts against the limit: 1, or its tokens."""

    sent: float
    received: float
    admitted: bool
    weight: int = 1


def surely_together(seen: Iterable[Seen], window: float) -> int:
    """The most that was admitted within one sliding window. Over the limit, it is a fault of the limiter's."""
    admitted = sorted((one for one in seen if one.admitted), key=lambda one: one.sent)
    most = 0
    for position, first in enumerate(admitted):
        ends = first.sent + window - TOLERANCE
        most = max(most, sum(one.weight for one in admitted[position:] if one.received < ends))
    return most


def possibly_together(seen: Iterable[Seen], refused: Seen, window: float) -> int:
    """The most that the window can have held when this one was refused. Under the limit, it is a fault too."""
    began = refused.sent - window - TOLERANCE
    return sum(one.weight for one in seen if one.admitted and one.received > began and one.sent < refused.received)


def wrongly_refused(seen: Sequence[Seen], limit: int, window: float) -> list[Seen]:
    """Those that were refused although there was room for them."""
    return [one for one in seen if not one.admitted and possibly_together(seen, one, window) < limit]
