"""The two stores of counts, behind one interface and on a clock that the test moves."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from pydantic_settings import SettingsConfigDict
from redis.asyncio import Redis

from shared.limits import redis as redis_counts
from shared.limits.allowance import SECOND, Limits
from shared.limits.memory import MemoryLimiter
from shared.limits.redis import RedisCounts, Settlement
from shared.limits.window import Reading
from shared.settings import Settings
from shared.stores.redis import RedisLink

KEY = "user:ana"


class SettingsWithoutFile(Settings):
    """Ignores the .env of this checkout."""

    model_config = SettingsConfigDict(env_file=None)


def settings(**given: Any) -> Settings:
    """The given settings, and defaults for all others."""
    return SettingsWithoutFile(**given)


class Clock:
    """Approximate microseconds since 1970, as from Redis."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


class Answer(NamedTuple):
    reading: Reading
    settle: Callable[[int], Awaitable[None]]


class Counts(Protocol):
    clock: Clock

    async def admit(self, limits: Limits, tokens: int = 0) -> Answer: ...


class InMemory:
    def __init__(self) -> None:
        self.clock = Clock()
        self._limiter = MemoryLimiter(clock=self.clock)

    async def admit(self, limits: Limits, tokens: int = 0) -> Answer:
        verdict = await self._limiter.admit(KEY, limits, tokens)

        async def settle(used: int) -> None:
            verdict.settle(used)

        return Answer(verdict.reading, settle)


class OnTheTestsClock(redis_counts.Script):
    """The real script, except that it reads the time from a key that the test sets."""

    @staticmethod
    def read(name: str) -> str:
        source = redis_counts.Script.read(name)
        assert "redis.call('TIME')" in source
        return source.replace("redis.call('TIME')", "redis.call('LRANGE', 'clock', 0, 1)")


class InRedis:
    def __init__(self, link: RedisLink) -> None:
        self.clock = Clock()
        self._link = link
        self._counts = RedisCounts(link)

    async def admit(self, limits: Limits, tokens: int = 0) -> Answer:
        await self._set_clock()
        id = self._counts.new_id()
        reading = await self._counts.admit(KEY, limits, tokens, id)

        async def settle(used: int) -> None:
            await self._set_clock()
            if reading.admitted:
                await self._counts.settle([Settlement(KEY, id, tokens, used, limits.horizon)])

        return Answer(reading, settle)

    async def _set_clock(self) -> None:
        seconds, rest = divmod(self.clock.now, SECOND)

        async def put(redis: Redis) -> None:
            async with redis.pipeline() as pipeline:
                pipeline.delete("clock")
                pipeline.rpush("clock", seconds, rest)
                await pipeline.execute()

        await self._link.run(put)
