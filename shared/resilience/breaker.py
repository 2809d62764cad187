"""A circuit breaker: an upstream that keeps failing is left alone for a while, then tried with care.

In: the results of calls. Out: whether the next call may go. After Nygard, "Release It!" (2007). A machine of three
states that never waits and reads only the clock it is given. Knows nothing of requests, models or errors.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from shared.resilience.circuit import Result, Rules, State
from shared.resilience.recent_calls import RecentCalls

FEWEST_CALLS = 20  # with fewer calls, a success rate is chance


# region: breaker
class Breaker:
    """`admit` a call, and `settle` its permit when the call has ended, whatever its result.

    Each change of state begins a new era, and a permit is the number of its era. The result of a call that was
    admitted in an earlier era says nothing about the present, so it no longer counts.
    """

    def __init__(self, rules: Rules, clock: Callable[[], float] = time.monotonic) -> None:
        self.rules = rules
        self._clock = clock
        self._state = State.CLOSED
        self._era = 0
        self._since = clock()  # when this era began
        self._failures = 0  # in a row
        self._recent = RecentCalls(rules.window)
        self._probing = 0
        self._successes = 0  # of probes

    @property
    def state(self) -> State:
        """An open breaker becomes half-open after a time; this happens when the state is read."""
        if self._state is State.OPEN and self._clock() - self._since >= self.rules.open_for:
            self._become(State.HALF_OPEN)
        return self._state

    def admit(self) -> int | None:
        """A permit to call, or None while no call may go."""
        state = self.state
        if state is State.OPEN:
            return None
        if state is State.HALF_OPEN:
            if self._probing == self.rules.probes:
                return None
            self._probing += 1
        return self._era

    # region: breaker-settle
    def settle(self, permit: int, result: Result) -> None:
        """The call with this permit has ended. Each permit is settled once."""
        if permit != self._era:
            return
        if self._state is State.HALF_OPEN:
            self._settle_probe(result)
        elif result is Result.SUCCESS:
            self._failures = 0
            self._recent.add(self._clock(), success=True)
        elif result is Result.FAILURE:
            self._failures += 1
            self._recent.add(self._clock(), success=False)
            if self._fails_too_often():
                self._become(State.OPEN)

    # endregion: breaker-settle

    def _settle_probe(self, result: Result) -> None:
        self._probing -= 1
        if result is Result.FAILURE:
            self._become(State.OPEN)
        elif result is Result.SUCCESS:
            self._successes += 1
            if self._successes == self.rules.successes:
                self._become(State.CLOSED)

    def half_open_in(self) -> float:
        """Seconds until an open breaker is half-open; 0 for one that is not open."""
        if self.state is not State.OPEN:
            return 0.0
        return self._since + self.rules.open_for - self._clock()

    def report(self) -> Mapping[str, Any]:
        """The values that GET /health shows besides the state."""
        calls, rate = self._recent.calls(self._clock()), self._recent.success_rate
        return {"failures_in_a_row": self._failures, "calls": calls, "success_rate": rate if calls else None}

    def _fails_too_often(self) -> bool:
        return self._failures >= self.rules.failures or self._too_few_succeed()

    def _too_few_succeed(self) -> bool:
        enough = self._recent.calls(self._clock()) >= FEWEST_CALLS
        return enough and self._recent.success_rate < self.rules.min_success_rate

    def _become(self, state: State) -> None:
        self._state = state
        self._era += 1
        self._since = self._clock()
        self._probing = self._successes = 0
        if state is State.CLOSED:  # failures before the recovery are no reason to open again
            self._failures = 0
            self._recent = RecentCalls(self.rules.window)


# endregion: breaker
