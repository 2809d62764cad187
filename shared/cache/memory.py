"""A bounded store in this process: LRU eviction, a time to live for each entry, and a bound in bytes.

In: bytes under a key. Out: the same bytes, until they expire or are evicted. Knows nothing of their meaning. Not
thread-safe: it runs on the event loop.
"""

import heapq
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# The cost of an entry besides its key and value, in bytes: the headers of both, the entry, its places in the table and
# in the queue of expiries. tests/cache/test_memory.py compares the sum with what Python really allocates.
ENTRY_OVERHEAD = 400


@dataclass(slots=True)
class Entry:
    value: bytes
    expires: float
    size: int


class MemoryStore:
    """At most `max_entries` entries, and `max_bytes` bytes in all. `clock` returns seconds and never goes back."""

    def __init__(self, max_entries: int, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.bytes = 0
        self.evictions = 0  # entries removed to make room
        self.expirations = 0  # entries past their time to live
        self._clock = clock
        self._entries: OrderedDict[str, Entry] = OrderedDict()  # least recently used first
        self._expiries: list[tuple[float, str]] = []  # a heap, soonest first; stale entries stay a while, see _queue

    def __len__(self) -> int:
        return len(self._entries)

    # region: memory-get
    def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._clock():
            self._expire(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    # endregion: memory-get

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep `value` for `ttl` seconds. False, and nothing is kept, if it alone is over `max_bytes`."""
        self.discard(key)
        size = len(key.encode()) + len(value) + ENTRY_OVERHEAD
        if size > self.max_bytes:
            return False
        self.drop_expired()  # expired entries make room before live ones do
        self.trim(self.max_entries - 1, self.max_bytes - size)
        expires = self._clock() + ttl
        self._entries[key] = Entry(value, expires, size)
        self.bytes += size
        self._queue(expires, key)
        return True

    def discard(self, key: str) -> None:
        """Forget `key`, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.size

    # region: memory-trim
    def trim(self, max_entries: int, max_bytes: int) -> None:
        """Evict, least recently used first, down to these bounds."""
        while self._entries and (len(self._entries) > max_entries or self.bytes > max_bytes):
            _, entry = self._entries.popitem(last=False)
            self.bytes -= entry.size
            self.evictions += 1

    # endregion: memory-trim

    def shed(self, share: float) -> tuple[int, int]:
        """Evict this share of all bytes, least recently used first. Returns (entries, bytes) evicted."""
        self.drop_expired()
        entries, size = len(self), self.bytes
        self.trim(self.max_entries, int(size * (1 - share)))
        # Tables and queues keep the memory of their largest size, so new ones replace them.
        self._entries = OrderedDict(self._entries)
        self._renew_queue()
        return entries - len(self), size - self.bytes

    def drop_expired(self) -> None:
        """Remove every expired entry."""
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            expires, key = heapq.heappop(self._expiries)
            entry = self._entries.get(key)
            if entry is not None and entry.expires == expires:  # else: replaced or evicted since
                self._expire(key)

    def _expire(self, key: str) -> None:
        self.discard(key)
        self.expirations += 1

    def _queue(self, expires: float, key: str) -> None:
        heapq.heappush(self._expiries, (expires, key))
        if len(self._expiries) > 2 * len(self._entries) + 64:  # mostly stale entries: without this, a leak
            self._renew_queue()

    def _renew_queue(self) -> None:
        self._expiries = [(entry.expires, key) for key, entry in self._entries.items()]
        heapq.heapify(self._expiries)
