"""The results of token look-ups, remembered for a while.

Bounded in time and in size: all entries live equally long, so the oldest always expires first and is evicted first.
Knows nothing of the database. Keys are hashes: no token stays in memory.
"""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class TokenCache(Generic[V]):
    """At most `size` entries, each for `ttl` seconds after its `put`; a ttl of 0 keeps nothing."""

    def __init__(self, ttl: float, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl = ttl
        self._size = size
        self._clock = clock
        self._entries: dict[bytes, tuple[V, float]] = {}

    def get(self, digest: bytes) -> V | None:
        entry = self._entries.get(digest)
        return entry[0] if entry is not None and self._clock() < entry[1] else None

    def put(self, digest: bytes, value: V) -> None:
        if self._ttl <= 0:
            return
        self._entries.pop(digest, None)  # so that entries stay in the order of their expiry
        if len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[digest] = (value, self._clock() + self._ttl)

    def forget(self, digest: bytes) -> None:
        self._entries.pop(digest, None)

    def sweep(self) -> None:
        """Drop the expired entries. Touches no others."""
        now = self._clock()
        while self._entries:
            oldest = next(iter(self._entries))
            if now < self._entries[oldest][1]:
                return
            del self._entries[oldest]

    def __len__(self) -> int:
        return len(self._entries)
