"""A circuit breaker whose thresholds follow the upstream: what it usually does is no reason to open, a change is.

In: the results of calls, and how long they took. Out: as in breaker.py. An upstream that has always failed one call in
twenty keeps its callers. One that never fails is left alone after four failures, or once three calls in ten fail. Calls
that are much slower than usual count too, as resilience4j's slow calls do, but "slow" is not a number that somebody
chose: it is a multiple of what this upstream usually takes.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from shared.resilience.breaker import Breaker
from shared.resilience.change import Change, by_chance
from shared.resilience.circuit import Result, Rules, State

ONCE_IN = 1e7  # calls: so rarely may chance alone bring as many failures in a row as open the breaker
FEWEST_IN_A_ROW = 3
SLOW = 5.0  # times as long as usual
NEVER_SLOW = 1.0  # seconds; less time than this is slow for nobody
SELDOM = 0.02  # the share of slow calls that is expected at first
SURER = 24.0  # evidence that calls are slow: a slow answer is still an answer, and slow ones end together
FIRST_CALLS = 20  # before these, nothing is known about the usual time
REMEMBERED = 200  # calls, in the usual time
OF_A_PROBE = 1 / 3  # its weight in the usual time: an upstream that has become slower for good opens once, not for ever
FIXED_TOKENS = 20  # an answer of no length takes as long as these tokens


class UsualTime:
    """The geometric mean of times, in seconds, with the latest REMEMBERED having most of the weight."""

    def __init__(self) -> None:
        self._calls = 0
        self._log = 0.0

    @property
    def known(self) -> bool:
        return self._calls >= FIRST_CALLS

    @property
    def seconds(self) -> float:
        return math.exp(self._log)

    def see(self, seconds: float, weight: float = 0.0) -> None:
        self._calls += 1
        self._log += (math.log(max(seconds, 1e-6)) - self._log) * max(weight, 1 / min(self._calls, REMEMBERED))


class AdaptiveBreaker(Breaker):
    """Begins with the threshold of the rules, and moves it as it gets to know the upstream."""

    def __init__(self, rules: Rules, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(rules, clock)
        self._failing = Change(usual=ONCE_IN ** (-1 / rules.failures))
        self._slow = Change(usual=SELDOM, certain=SURER)
        self._opens_after = self._threshold()
        self._first_token, self._per_token = UsualTime(), UsualTime()

    def settle(self, permit: int, result: Result) -> None:
        counts = permit == self._era and self._state is State.CLOSED and result is not Result.NEITHER
        if counts:
            if self._failures == 0 and result is Result.FAILURE:
                # From here to the next success it stays as it is: failures must not raise what is asked of themselves.
                self._opens_after = self._threshold()
            self._failing.see(happened=result is Result.FAILURE)
        super().settle(permit, result)
        if counts and self._state is State.CLOSED and self._slow.found:
            self._become(State.OPEN)

    def took(self, seconds: float, tokens: int | None) -> None:
        """How long a whole answer of so many tokens took; None: a stream's first token. Before the call is settled."""
        usual, unit = (self._first_token, 1) if tokens is None else (self._per_token, FIXED_TOKENS + tokens)
        if self._state is State.CLOSED and usual.known:
            self._slow.see(happened=seconds > NEVER_SLOW and seconds > SLOW * usual.seconds * unit)
        usual.see(seconds / unit, OF_A_PROBE if self._state is State.HALF_OPEN else 0.0)

    @property
    def opens_after(self) -> int:
        """Failures in a row that open it, at present."""
        return self._opens_after if self._failures else self._threshold()

    def _threshold(self) -> int:
        return max(FEWEST_IN_A_ROW, by_chance(self._failing.usual, ONCE_IN))

    def report(self) -> Mapping[str, Any]:
        usual = self._first_token
        return {
            **super().report(),
            "opens_after": self.opens_after,
            "usual_success_rate": round(1 - self._failing.usual, 4),
            "slow_first_token_s": round(max(NEVER_SLOW, SLOW * usual.seconds), 3) if usual.known else None,
        }

    def _fails_too_often(self) -> bool:
        return self._failures >= self._opens_after or self._failing.found or self._too_few_succeed()

    def _become(self, state: State) -> None:
        super()._become(state)
        self._failing.forget()
        self._slow.forget()
