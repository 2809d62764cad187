"""A named cache of answers: in Redis while Redis answers, in memory otherwise.

In: a key and an answer. Out: the answer again, marked as cached, or None. It never raises: a failed read is a miss, and
an answer that the store does not take is not kept.
"""

import time
from typing import Any

from shared.cache.memory import MemoryStore
from shared.cache.parts import MakeStore, Store
from shared.cache.redis import RedisStore
from shared.cache.serialization import FORMAT, pack, unpack
from shared.cache.statistics import Statistics
from shared.pipeline.reply import Completion
from shared.stores.redis import RedisGone, RedisLink

MEGABYTE = 1_000_000
COUNTED_FOR = 1.0  # seconds that a count of Redis's entries is reused: frequent requests for it must cost nothing


class Cache:
    """Answers live for `ttl` seconds unless `put` says otherwise. Without `redis`, memory is the only store."""

    def __init__(
        self,
        name: str,
        *,
        ttl: float,
        max_entries: int,
        max_memory_mb: float,
        redis: RedisLink | None = None,
        store: MakeStore = MemoryStore,
    ) -> None:
        self.name = name
        self.ttl = ttl
        self.memory: Store = store(max_entries, int(max_memory_mb * MEGABYTE))
        self.statistics = Statistics(name)
        self._redis = RedisStore(redis, f"llm-cache:{FORMAT}:{name}:") if redis is not None else None
        self._counted: tuple[int, int] | None = None
        self._counted_at = float("-inf")

    @property
    def backend(self) -> str:
        """The store in use now."""
        return "redis" if self._redis is not None and self._redis.up else "memory"

    async def get(self, key: str) -> Completion | None:
        packed = await self._read(key)
        reply = unpack(key, packed) if packed is not None else None
        if reply is not None:
            self.statistics.hit(self.backend)
        return reply

    async def put(self, key: str, reply: Completion, ttl: float | None = None) -> None:
        if not await self._write(key, pack(key, reply), self.ttl if ttl is None else ttl):
            self.statistics.refusals += 1

    async def report(self) -> dict[str, Any]:
        """The numbers of GET /cache/stats. Entries and bytes are null when Redis has too many to count."""
        counts = self.statistics
        entries, size = await self._measure() or (None, None)
        return {
            "backend": self.backend,
            "entries": entries,
            "hits": counts.hits,
            "misses": counts.misses,
            "hit_rate": round(counts.hit_rate, 4),
            "coalesced": counts.coalesced,
            "bypasses": counts.bypasses,
            "refusals": counts.refusals,
            "bytes": size,
            "evictions": self.memory.evictions,
            "expirations": self.memory.expirations,
            "max_entries": self.memory.max_entries,
            "max_bytes": self.memory.max_bytes,
            "ttl_s": self.ttl,
        }

    # region: cache-read
    async def _read(self, key: str) -> bytes | None:
        if self._redis is not None:
            try:
                return await self._redis.get(key)
            except RedisGone:
                pass
        return self.memory.get(key)

    # endregion: cache-read

    async def _write(self, key: str, packed: bytes, ttl: float) -> bool:
        if self._redis is not None:
            try:
                return await self._redis.put(key, packed, ttl)
            except RedisGone:
                pass
        before = self.memory.evictions
        kept = self.memory.put(key, packed, ttl)
        self.statistics.evict(self.memory.evictions - before)
        return kept

    async def _measure(self) -> tuple[int, int] | None:
        if self._redis is not None and self._redis.up:
            try:
                return await self._count_redis(self._redis)
            except RedisGone:
                pass
        self.memory.drop_expired()
        return len(self.memory), self.memory.bytes

    async def _count_redis(self, redis: RedisStore) -> tuple[int, int] | None:
        if time.monotonic() - self._counted_at > COUNTED_FOR:
            self._counted = await redis.measure()
            self._counted_at = time.monotonic()
        return self._counted
