"""Workers that count together in Redis, and count separately while it is down."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from shared.limits import failover as shared_limits
from shared.limits.allowance import SECOND, Limits
from shared.limits.failover import SharedLimiter
from shared.limits.redis import RedisCounts, Settlement
from shared.pipeline.layer import Resource
from shared.stores.redis import PATIENCE, RedisGone, RedisLink
from tests.limits.conftest import STEADFAST, empty_link
from tests.waiting import Stopwatch, wait_asking
from workshop.redis_server import RedisServer

WORKERS = 4
LIMITS = Limits(requests=40, window=60 * SECOND, hourly=1000, tokens=10_000)


@asynccontextmanager
async def workers(server: RedisServer, patience: float = STEADFAST) -> AsyncIterator[list[SharedLimiter]]:
    """Four limiters that share nothing but Redis."""
    async with empty_link(server):
        links = [RedisLink(server.url, patience=patience) for _ in range(WORKERS)]
        limiters = [SharedLimiter(link, WORKERS) for link in links]
        async with AsyncExitStack() as opened:
            parts: list[Resource] = [*links, *limiters]
            for part in parts:
                await part.open()
                opened.push_async_callback(part.close)
            yield limiters


async def admitted(limiters: list[SharedLimiter], times: int, tokens: int = 0, key: str = "user:ana") -> list[int]:
    """How many of `times` simultaneous requests each worker admitted."""
    verdicts = await asyncio.gather(*(limiter.admit(key, LIMITS, tokens) for _ in range(times) for limiter in limiters))
    return [sum(v.reading.admitted for v in verdicts[worker::WORKERS]) for worker in range(WORKERS)]


def test_workers_together_never_admit_one_over(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with workers(redis_server) as four:
            assert sum(await admitted(four, 50)) == LIMITS.requests
            assert sum(await admitted(four, 50, key="user:bea")) == LIMITS.requests, "callers share no limits"

    asyncio.run(scenario())


def test_a_hundred_calls_at_once_on_four_workers_cannot_pass_the_token_limit(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with workers(redis_server) as four:
            assert sum(await admitted(four, 25, tokens=900)) == 11

    asyncio.run(scenario())


def test_usage_reaches_redis_in_the_background(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with workers(redis_server) as four:
            verdicts = [await limiter.admit("user:ana", LIMITS, 2000) for limiter in four]
            for used, verdict in enumerate(verdicts):
                verdict.settle(used)

            async def told() -> bool:
                return (await four[0].look("user:ana", LIMITS)).reading.tokens == sum(range(WORKERS))

            await wait_asking(told)

    asyncio.run(scenario())


def test_usage_reaches_redis_before_the_process_ends(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with empty_link(redis_server) as link:
            limiter = SharedLimiter(link, 1)
            await limiter.open()
            verdicts = [await limiter.admit("user:ana", LIMITS, 100) for _ in range(30)]
            for verdict in verdicts:
                verdict.settle(1)
            await limiter.close()
            assert (await limiter.look("user:ana", LIMITS)).reading.tokens == 30

    asyncio.run(scenario())


def test_every_key_in_redis_expires(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with empty_link(redis_server) as link:
            limiter = SharedLimiter(link, 1)
            await limiter.open()
            verdict = await limiter.admit("user:ana", LIMITS, 100)
            await limiter.admit("user:bea", LIMITS, 10**9)
            await limiter.look("user:eva", LIMITS)
            verdict.settle(1)
            await limiter.close()
            keys = await link.run(lambda redis: redis.keys("*"))
            assert sorted(keys) == [b"limit:{user:ana}:log", b"limit:{user:ana}:sums"], "only admissions leave keys"
            left = await link.run(lambda redis: asyncio.gather(*(redis.ttl(key) for key in keys)))
            assert all(0 < seconds <= 3600 for seconds in left)

    asyncio.run(scenario())


@pytest.mark.parametrize("lost", ["log", "sums"])
@pytest.mark.parametrize("age", [-1, 5 * SECOND], ids=["settled", "entered later"])
def test_a_full_redis_may_drop_either_key(redis_server: RedisServer, lost: str, age: int) -> None:
    """Under volatile-lru. Neither reservations nor their sums may stay in the window for ever."""

    async def scenario() -> None:
        async with empty_link(redis_server) as link:
            counts = RedisCounts(link)
            id = counts.new_id()
            await counts.admit("user:ana", LIMITS, 9_000, id)
            await link.run(lambda redis: redis.delete(f"limit:{{user:ana}}:{lost}"))
            await counts.settle([Settlement("user:ana", id, 9_000, 40, LIMITS.horizon, age)])
            kept = 40 if lost == "sums" or age >= 0 else 0
            assert (await counts.admit("user:ana", LIMITS, 0, "")).tokens == kept
            assert (await counts.admit("user:ana", LIMITS, 9_000, counts.new_id())).tokens == kept + 9_000

    asyncio.run(scenario())


def test_a_call_cancelled_while_redis_decides_leaves_nothing(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with empty_link(redis_server) as link:
            limiter = SharedLimiter(link, 1)
            await limiter.open()
            for turns in range(12):
                work = asyncio.create_task(limiter.admit("user:ana", LIMITS, 100))
                for _ in range(turns):
                    await asyncio.sleep(0)
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                if not work.cancelled():
                    work.result().settle(0)

            async def nothing_held() -> bool:
                return (await limiter.look("user:ana", LIMITS)).reading.tokens == 0

            await wait_asking(nothing_held)
            await limiter.close()

    asyncio.run(scenario())


def test_a_worker_whose_redis_died_grants_its_share_and_says_so_once(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with workers(own_redis) as four:
            counted = shared_limits.fallback_total._value.get()
            own_redis.kill()
            assert await admitted(four, 30) == [LIMITS.requests // WORKERS] * WORKERS
            assert shared_limits.fallback_total._value.get() - counted == 30 * WORKERS

    with caplog.at_level(logging.WARNING, "shared.limits.failover"):
        asyncio.run(scenario())
    said = [record.getMessage() for record in caplog.records if record.name == "shared.limits.failover"]
    assert len(said) == WORKERS, "one line per worker"
    assert "1/4 of each limit" in said[0]


def test_the_share_is_not_granted_on_top_of_what_redis_admitted(own_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with workers(own_redis) as four:
            assert (await admitted(four[:1] * WORKERS, 8)) == [8, 8, 8, 8]
            own_redis.kill()
            assert await admitted(four, 30) == [0, 10, 10, 10]

    asyncio.run(scenario())


def test_a_frozen_redis_costs_a_tenth_of_a_second_once(own_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with workers(own_redis, PATIENCE) as four:
            await admitted(four, 5, key="user:bea")
            own_redis.freeze()
            waits = []
            for _ in range(100):
                stopwatch = Stopwatch()
                await four[0].admit("user:ana", LIMITS, 0)
                waits.append(stopwatch.seconds)
            assert max(waits) < 0.5
            assert sorted(waits)[-2] < 0.05, "only the first call had to find out"

    asyncio.run(scenario())


def test_admissions_during_an_outage_count_when_redis_is_back(own_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with workers(own_redis) as four:
            own_redis.kill()
            verdicts = [await limiter.admit("user:ana", LIMITS, 500) for limiter in four for _ in range(5)]
            for verdict in verdicts:
                assert verdict.reading.admitted == (verdict.limits.tokens == LIMITS.tokens // WORKERS)
                verdict.settle(7)
            own_redis.start()

            async def together_again() -> bool:
                reading = (await four[0].look("user:ana", LIMITS)).reading
                return (reading.requests, reading.tokens) == (20, 140)

            stopwatch = Stopwatch()
            await wait_asking(together_again)
            assert stopwatch.seconds < 5

    asyncio.run(scenario())


def test_an_admission_that_a_frozen_redis_executes_late_is_undone(own_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with empty_link(own_redis, PATIENCE) as link:
            limiter = SharedLimiter(link, 1)
            await limiter.open()
            await limiter.admit(
                "user:bea", LIMITS, 1
            )  # loads the scripts, so that Redis executes the frozen command later
            own_redis.freeze()
            (await limiter.admit("user:ana", LIMITS, 5000)).settle(3)
            own_redis.thaw()

            async def only_what_was_used() -> bool:
                try:
                    reading = await limiter._counts.admit("user:ana", LIMITS, 0, "")
                except RedisGone:
                    return False
                return (reading.requests, reading.tokens) == (1, 3)

            await wait_asking(only_what_was_used)
            await limiter.close()

    asyncio.run(scenario())
