"""How often each client may ask: a bucket of tokens for each, which refills at a steady rate.

In: a client's address. Out: 0, or the seconds until the next token. Memory is bounded: past `most` clients, the one
seen longest ago is forgotten.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 2000


class Buckets:
    """`size` tokens at once, `per_minute` new ones."""

    def __init__(
        self, size: int, per_minute: float, *, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size, self._rate, self._most, self._clock = size, per_minute / 60, most, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str) -> float:
        """Take a token. If there is none: the seconds until there is one."""
        now = self._clock()
        tokens, counted = self._buckets.get(client, (float(self._size), now))
        tokens = min(self._size, tokens + (now - counted) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[client] = (tokens if wait else tokens - 1, now)
        self._buckets.move_to_end(client)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return wait
