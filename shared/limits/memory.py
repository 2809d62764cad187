"""The counts of one process, in its memory.

In: a key and its limits. Out: a Verdict, in a few microseconds and without yielding to the event loop. Bounded: an idle
caller is forgotten after an hour, and past MOST_CALLERS the one seen longest ago makes room for a new one.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache, partial

from shared.limits.allowance import Limits
from shared.limits.verdict import Verdict, nothing_to_settle
from shared.limits.window import AdmissionLog

MOST_CALLERS = 10_000


def microseconds() -> int:
    """A clock that never goes back."""
    return time.monotonic_ns() // 1000


class MemoryLimiter:
    """Each of `workers` processes, which cannot count together, grants its share of the limits."""

    def __init__(
        self, workers: int = 1, *, clock: Callable[[], int] = microseconds, most_callers: int = MOST_CALLERS
    ) -> None:
        self._share = lru_cache(partial(Limits.divided, workers=workers))
        self._clock = clock
        self._most_callers = most_callers
        self._logs: OrderedDict[str, tuple[AdmissionLog, int]] = OrderedDict()  # with the time of the last request

    def __len__(self) -> int:
        return len(self._logs)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        """Admit one request of at most `tokens`, if it fits."""
        limits = self._share(limits)
        now = self._clock()
        log = self._log_of(key, now, limits)
        reading = log.read(now, limits, tokens)
        if not reading.admitted:
            return Verdict(limits, reading, nothing_to_settle)
        serial = log.add(now, tokens)
        return Verdict(limits, reading.after(tokens, limits), partial(log.settle, serial))

    async def look(self, key: str, limits: Limits) -> Verdict:
        """The caller's current state. Admits nothing."""
        limits = self._share(limits)
        log, _ = self._logs.get(key) or (AdmissionLog(), 0)
        return Verdict(limits, log.read(self._clock(), limits, 0), nothing_to_settle)

    def note(self, key: str, limits: Limits, tokens: int) -> Callable[[int], None]:
        """Log a request that was admitted elsewhere. Returns the function that settles it."""
        now = self._clock()
        log = self._log_of(key, now, limits)
        return partial(log.settle, log.add(now, tokens))

    def _log_of(self, key: str, now: int, limits: Limits) -> AdmissionLog:
        logs = self._logs
        log, _ = logs.get(key) or (AdmissionLog(), 0)
        logs[key] = (log, now)
        logs.move_to_end(key)
        oldest, (_, seen) = next(iter(logs.items()))
        if now - seen > limits.horizon or len(logs) > self._most_callers:
            del logs[oldest]
        return log
