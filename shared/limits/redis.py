"""The counts of all workers together, in Redis. A decision takes one round trip; no request waits for its settlement.

In: a key and its limits. Out: a Reading, or RedisGone. The scripts (admit.lua, settle.lua) do what window.py does.
failover.py decides what happens without Redis.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.limits.allowance import HOUR, Limits
from shared.limits.window import Reading
from shared.stores.redis import RedisLink

if TYPE_CHECKING:
    from redis.asyncio import Redis

DECIDED_THERE = -1  # the age of an admission that Redis itself decided
STRUCK_OUT = -1  # `used`, to remove an admission that must not count


class Script:
    """A Lua script that Redis knows by its hash. It is sent in full when Redis does not have it."""

    def __init__(self, name: str) -> None:
        self.source = self.read(name)
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    @staticmethod
    def read(name: str) -> str:
        return (Path(__file__).parent / name).read_text()

    async def run(self, redis: Redis, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        from redis.exceptions import NoScriptError

        try:
            return await redis.evalsha(self.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await redis.eval(self.source, len(keys), *keys, *arguments)


ADMIT = Script("admit.lua")
SETTLE = Script("settle.lua")


class Settlement(NamedTuple):
    """The final state of one admission, for Redis."""

    key: str
    id: str
    reserved: int
    used: int
    horizon: int  # microseconds
    age: int = DECIDED_THERE  # microseconds since it was admitted without Redis


class RedisCounts:
    """Counts over `link`. Ids are unique across all processes, so an admission can be settled without a lookup."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._prefix = secrets.token_hex(6)
        self._serials = itertools.count()

    def new_id(self) -> str:
        return f"{self._prefix}-{next(self._serials)}"

    async def admit(self, key: str, limits: Limits, tokens: int, id: str) -> Reading:
        """Admit one request under `id`, if it fits; without an id, only read. Raises RedisGone."""
        # Any number over the limit is refused, so it is capped: Lua's numbers are exact up to 2^53.
        asked = min(tokens, limits.tokens + 1)
        arguments = (id, limits.requests, limits.window, limits.hourly, HOUR, limits.tokens, asked)
        return Reading(*await self._link.run(lambda redis: ADMIT.run(redis, _keys(key), arguments)))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Settle many admissions in one round trip. Safe to repeat. Raises RedisGone."""
        await self._link.run(lambda redis: _tell(redis, settlements))


async def _tell(redis: Redis, settlements: Sequence[Settlement]) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.script_load(SETTLE.source)
        for told in settlements:
            pipeline.evalsha(SETTLE.sha, 2, *_keys(told.key), told.id, told.reserved, told.used, told.age, told.horizon)
        await pipeline.execute()


def _keys(key: str) -> tuple[str, str]:
    # The braces make a cluster keep both keys on one node.
    return f"limit:{{{key}}}:log", f"limit:{{{key}}}:sums"
