"""The circuit breaker, yours to write. As it stands, it never opens.

The docstring says what must be true, and which checks of `make grade-4 SOLUTION=exercise` verify it. The layer around
it (shared/layers/circuit_breaker.py) is given: it keeps one breaker for each upstream and model, decides whose fault a
failed call was, and answers 503 for you. Stuck? HINTS.md.
"""

from collections.abc import Mapping
from typing import Any

from shared.resilience.circuit import Result, Rules, State


class Breaker:
    """Task 2. An upstream that keeps failing is left alone for a while, then tried with care.

    CLOSED: every call goes through. `rules.failures` failures in a row open it; a success in between resets the count.
    OPEN: no call goes through. After `rules.open_for` seconds it is half-open, however many calls it has refused.
    HALF_OPEN: `rules.probes` calls may go through at the same time, and no more. One failure opens it again, and a new
    wait begins; `rules.successes` successes close it, and earlier failures are forgotten.
    A result that is NEITHER (the client left, or the request was wrong) says nothing, but its probe is over.

    Calls end late: a call that was admitted before the state changed must not count in the new state. All methods run
    on the event loop, one after the other: no locks. (Leave `rules.min_success_rate` and `rules.window` for later.)
    Checks: breaker_opens, breaker_half_open, breaker_closes.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    @property
    def state(self) -> State:
        return State.CLOSED

    def admit(self) -> int | None:
        """None if the call may not go through. Else a number of your choice; `settle` gets it when the call ends."""
        return 0

    def settle(self, permit: int, result: Result) -> None:
        """The call that was admitted with this `permit` has ended with `result`. Runs once for each permit."""

    def half_open_in(self) -> float:
        """Seconds until an open breaker is half-open. The caller is told to wait this long. 0 if it is not open."""
        return 0.0

    def report(self) -> Mapping[str, Any]:
        """Details that GET /health shows besides the state; the content is up to you."""
        return {}
