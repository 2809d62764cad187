"""A private Redis, and the two backends on a clock that the test moves."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from shared.limits import redis as redis_counts
from shared.stores.redis import RedisLink
from tests.limits.counts import Counts, InMemory, InRedis, OnTheTestsClock
from workshop.redis_server import RedisServer

STEADFAST = 60.0  # seconds of patience where Redis is always up, and only the machine may be too busy to run it


@pytest.fixture(scope="package")
def redis_server() -> Iterator[RedisServer]:
    """Shared by tests that leave it running."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """For a test that kills or freezes it."""
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def empty_link(server: RedisServer, patience: float = STEADFAST) -> AsyncIterator[RedisLink]:
    """A link to an empty Redis."""
    link = RedisLink(server.url, patience=patience)
    await link.open()
    await link.run(lambda redis: redis.flushall())
    try:
        yield link
    finally:
        await link.close()


Scenario = Callable[[Counts], Awaitable[None]]
Play = Callable[[Scenario], None]


@pytest.fixture(params=["memory", "redis"])
def play(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a scenario against one backend; the fixture's parameters are both backends."""
    import asyncio

    if request.param == "memory":
        return lambda scenario: asyncio.run(_awaited(scenario(InMemory())))

    server: RedisServer = request.getfixturevalue("redis_server")
    monkeypatch.setattr(redis_counts, "ADMIT", OnTheTestsClock("admit.lua"))
    monkeypatch.setattr(redis_counts, "SETTLE", OnTheTestsClock("settle.lua"))

    async def with_redis(scenario: Scenario) -> None:
        async with empty_link(server) as link:
            await scenario(InRedis(link))

    return lambda scenario: asyncio.run(with_redis(scenario))


async def _awaited(scenario: Awaitable[None]) -> None:
    await scenario
