"""The size and the hit rate of all caches of this worker together, for GET /health.

In: the service. Out: numbers. Those of memory are counted on the spot. Those of Redis are remembered. A request that
finds them old has them counted again in the background, so no request waits for a slow or frozen Redis.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.layers.response_cache import ResponseCache
from shared.memory.rss import MEGABYTE

if TYPE_CHECKING:
    from shared.service import Service

REMEMBERED = 5.0  # seconds


class Caches:
    def __init__(self, service: Service) -> None:
        self._caches = [cache for layer in service.layers if isinstance(layer, ResponseCache) for cache in layer.caches]
        self._remembered: tuple[int | None, int | None] = None, None  # entries, bytes
        self._counted_at = float("-inf")
        self._counting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)

    def checks(self) -> Mapping[str, Any]:
        in_redis = any(cache.backend == "redis" for cache in self._caches)
        entries, size = self._of_redis() if in_redis else self._of_memory()
        hits = sum(cache.statistics.hits for cache in self._caches)
        lookups = hits + sum(cache.statistics.misses for cache in self._caches)
        return {
            "cache": {
                "backend": "redis" if in_redis else "memory",
                "entries": entries,
                "hit_rate": round(hits / lookups, 4) if lookups else 0.0,
                "bytes": size,
                "memory_mb": round(sum(cache.memory.bytes for cache in self._caches) / MEGABYTE, 3),
            }
        }

    def _of_memory(self) -> tuple[int, int]:
        for cache in self._caches:
            cache.memory.drop_expired()
        return sum(len(cache.memory) for cache in self._caches), sum(cache.memory.bytes for cache in self._caches)

    def _of_redis(self) -> tuple[int | None, int | None]:
        """Null before the first count, and when there is too much to count."""
        if time.monotonic() - self._counted_at > REMEMBERED and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._count())
        return self._remembered

    async def _count(self) -> None:
        reports = [await cache.report() for cache in self._caches]
        self._remembered = _sum(reports, "entries"), _sum(reports, "bytes")
        self._counted_at = time.monotonic()


def _sum(reports: list[dict[str, Any]], name: str) -> int | None:
    counts = [report[name] for report in reports]
    return None if None in counts else sum(counts)
