"""The counts of all workers together, in Redis: one round trip a decision, and none that a request waits for to settle.

In: a key and its limits. Out: a Reading, or RedisGone. The scripts (admit.lua, settle.lua) do what window.py does.
What to do without Redis is shared.py's business.
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
STRUCK_OUT = -1  # used, for what turned out to be no admission


class Script:
    """A Lua script that Redis knows by its hash, and is shown again when it has forgotten it."""

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
    """What Redis is to be told of one admission."""

    key: str
    id: str
    reserved: int
    used: int
    horizon: int  # microseconds
    age: int = DECIDED_THERE  # microseconds since it was let in without Redis


class RedisCounts:
    """Counts over `link`. Ids are unique among all processes, so that an admission can be settled without a lookup."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._prefix = secrets.token_hex(6)
        self._serials = itertools.count()

    def new_id(self) -> str:
        return f"{self._prefix}-{next(self._serials)}"

    async def admit(self, key: str, limits: Limits, tokens: int, id: str) -> Reading:
        """Let one request in under `id`, if it fits; with no id, only look. Raises RedisGone."""
        # More than the limit is refused whatever the number; Lua's own numbers end at 2^53.
        asked = min(tokens, limits.tokens + 1)
        arguments = (id, limits.requests, limits.window, limits.hourly, HOUR, limits.tokens, asked)
        return Reading(*await self._link.run(lambda redis: ADMIT.run(redis, _keys(key), arguments)))

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Tell many in one round trip. May be repeated. Raises RedisGone."""
        await self._link.run(lambda redis: _tell(redis, settlements))


async def _tell(redis: Redis, settlements: Sequence[Settlement]) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.script_load(SETTLE.source)
        for told in settlements:
            pipeline.evalsha(SETTLE.sha, 2, *_keys(told.key), told.id, told.reserved, told.used, told.age, told.horizon)
        await pipeline.execute()


def _keys(key: str) -> tuple[str, str]:
    # In braces, so that a cluster keeps both on one node.
    return f"limit:{{{key}}}:log", f"limit:{{{key}}}:sums"
