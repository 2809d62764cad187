"""A store that every worker shares: Redis, which bounds its own memory (maxmemory) and expires entries itself.

In: bytes under a key. Out: the same bytes, or other bytes if another program wrote the key; or RedisGone. Knows nothing
of their meaning.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shared.stores.redis import RedisLink

if TYPE_CHECKING:
    from redis.asyncio import Redis

LARGEST_VALUE = 1 << 20  # bytes; a larger one takes so long to send that a healthy Redis would look frozen
PAGE = 500  # keys per round trip when counting
MOST_PAGES = 200


class RedisStore:
    """Its keys begin with `prefix`. Every method raises RedisGone when Redis does not answer, and nothing else."""

    def __init__(self, link: RedisLink, prefix: str) -> None:
        from redis.exceptions import ResponseError

        self._link = link
        self._prefix = prefix
        self._wrong_kind = ResponseError

    @property
    def up(self) -> bool:
        return self._link.up

    async def get(self, key: str) -> bytes | None:
        async def read(redis: Redis) -> bytes | None:
            try:
                value = await redis.get(self._prefix + key)
            except self._wrong_kind:  # another program's list or hash under our key
                return None
            return value if isinstance(value, bytes) else None

        return await self._link.run(read)

    async def put(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep `value` for `ttl` seconds. False if it was too large, or if Redis had no room."""
        if len(value) > LARGEST_VALUE:
            return False

        async def write(redis: Redis) -> bool:
            try:
                return bool(await redis.set(self._prefix + key, value, px=max(1, round(ttl * 1000))))
            except self._wrong_kind:
                return False

        return await self._link.run(write)

    async def measure(self) -> tuple[int, int] | None:
        """(entries, bytes of keys and values); None if there are too many keys to count."""
        entries = size = cursor = 0
        for _ in range(MOST_PAGES):
            cursor, found, length = await self._link.run(partial(self._page, cursor))
            entries, size = entries + found, size + length
            if cursor == 0:
                return entries, size
        return None

    async def _page(self, cursor: int, redis: Redis) -> tuple[int, int, int]:
        cursor, names = await redis.scan(cursor, match=f"{self._prefix}*", count=PAGE, _type="string")
        if not names:
            return cursor, 0, 0
        async with redis.pipeline(transaction=False) as lengths:
            for name in names:
                lengths.strlen(name)
            values = await lengths.execute()
        return cursor, len(names), sum(map(len, names)) + sum(values)
