"""Spreads calls over the time until a rate limit resets, so that they do not run into it.

In: what an upstream says is left of its limits, and what the next call costs. Out: how long that call should wait.
While enough is left, nobody waits. Reads only the clock it is given. Knows nothing of calls or headers.
"""

import time
from collections.abc import Callable

FEW = 5  # that remain count as little, if nobody says how many there were
SOON = 60.0  # seconds; a limit that nobody says resets when


class Pace:
    """One limit of one upstream, of which this process may use `part`; `below` is the share that counts as little."""

    def __init__(self, below: float, part: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._below = below
        self._part = part
        self._clock = clock
        self._left = 0.0
        self._until = float("-inf")  # when it is whole again; nobody is paced from then on
        self._next = float("-inf")  # when the next call may go
        self._unanswered = 0.0  # cost of the calls that are under way: what is said to be left may not know of them

    def learn(self, remaining: float, limit: float | None, reset_s: float | None) -> None:
        """An upstream has said what is left."""
        little = remaining < FEW if limit is None else remaining < self._below * limit
        if not little:
            self._until = float("-inf")
            return
        now = self._clock()
        self._left = max(0.0, remaining * self._part - self._unanswered)
        self._until = now + (SOON if reset_s is None else reset_s)
        self._next = min(self._next, self._until)

    def wait(self, cost: float = 1.0) -> float:
        """Seconds until a call of this cost may go."""
        now = self._clock()
        if now >= self._until:
            return 0.0
        return max(0.0, (self._next if self._left >= cost else self._until) - now)

    def begin(self, cost: float = 1.0) -> None:
        """A call of this cost goes now, or after its wait; it takes its place in the line."""
        self._unanswered += cost
        now = self._clock()
        if now >= self._until:
            return
        begins = max(now, self._next)
        # The rest of the time is for the rest of the limit.
        self._next = self._until if self._left <= 0 else begins + (self._until - begins) * min(1.0, cost / self._left)
        self._left = max(0.0, self._left - cost)

    def end(self, cost: float = 1.0) -> None:
        """A call of this cost has its reply, or never will."""
        self._unanswered -= cost
