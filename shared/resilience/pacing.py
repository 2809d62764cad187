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
        self._under_way = 0  # calls without a reply: what is said to be left may not know of them

    @property
    def slows(self) -> bool:
        """Little is left. While this is false, a call costs nothing more than this question."""
        return self._until > 0 and self._clock() < self._until

    def learn(self, remaining: float, limit: float | None, reset_s: float | None) -> None:
        """An upstream has said what is left."""
        little = remaining < FEW if limit is None else remaining < self._below * limit
        if not little:
            self._until = float("-inf")
            return
        self._left = max(0.0, remaining * self._part - self._under_way)
        self._until = self._clock() + (SOON if reset_s is None else reset_s)
        self._next = min(self._next, self._until)

    def wait(self, cost: float) -> float:
        """Seconds until a call of this cost may go."""
        if not self.slows:
            return 0.0
        return max(0.0, (self._next if self._left >= cost else self._until) - self._clock())

    def take(self, cost: float) -> None:
        """A call of this cost goes after its wait; the rest of the time is for the rest of the limit."""
        if self.slows:
            begins = max(self._clock(), self._next)
            share = min(1.0, cost / self._left) if self._left > 0 else 1.0
            self._next = begins + (self._until - begins) * share
            self._left = max(0.0, self._left - cost)

    def begin(self) -> None:
        """A call is on its way to the upstream."""
        self._under_way += 1

    def end(self) -> None:
        """It has its reply, or will never have one."""
        self._under_way -= 1
