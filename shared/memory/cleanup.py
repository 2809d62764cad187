"""Frees memory: caches give up entries, Python collects its garbage, the C library gives back what is free.

In: the caches, and the share of each that must go. Out: the memory that was freed. Knows nothing of when to free it.

Verified tokens and counts of limits stay. Both are bounded and small. Without them, the database would have to look up
every caller's token just now, and every caller would have the whole limit again.
"""

import asyncio
import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.cache.cache import Cache
from shared.cache.memory import MemoryStore
from shared.memory.rss import MEGABYTE, resident, trim


@dataclass(slots=True, frozen=True)
class Freed:
    """Bytes resident `before` and `after`; `objects` is what the collector found, `cached` bytes of cache entries."""

    before: int
    after: int
    entries: int
    cached: int
    objects: int
    seconds: float

    def report(self) -> Mapping[str, Any]:
        return {
            "rss_before_mb": round(self.before / MEGABYTE, 1),
            "rss_after_mb": round(self.after / MEGABYTE, 1),
            "freed_mb": round((self.before - self.after) / MEGABYTE, 1),
            "cache_entries": self.entries,
            "cache_bytes": self.cached,
            "objects": self.objects,
            "took_ms": round(self.seconds * 1000, 1),
        }


def cached_bytes(caches: Sequence[Cache]) -> int:
    """Bytes that the caches hold in this process's memory."""
    return sum(cache.memory.bytes for cache in caches)


async def clean_up(caches: Sequence[Cache], share: float) -> Freed:
    """Drop `share` of each cache, 0 to 1. The event loop stops while garbage is collected, and no longer."""
    began, before = time.perf_counter(), resident()
    entries = size = 0
    for cache in caches:
        if isinstance(cache.memory, MemoryStore):
            gone = cache.memory.shed(share)
            cache.statistics.evict(gone[0])
            entries, size = entries + gone[0], size + gone[1]
    objects = gc.collect()
    await asyncio.to_thread(trim)
    return Freed(before, resident(), entries, size, objects, time.perf_counter() - began)
