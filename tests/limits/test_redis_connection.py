"""The link to Redis: what counts as an outage, and what does not."""

import asyncio
import time

import pytest

from shared.stores.redis import PATIENCE, RedisGone, RedisLink, redis_lost_total
from tests.limits.conftest import empty_link
from tests.waiting import Stopwatch, wait_asking, wait_on_loop
from workshop.redis_server import RedisServer


def test_a_busy_event_loop_is_not_taken_for_a_dead_redis(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with empty_link(redis_server, PATIENCE) as link:

            async def busy_call() -> None:
                time.sleep(0.001)  # noqa: ASYNC251  as every call blocks the loop when two hundred arrive together
                await link.run(lambda redis: redis.ping())

            await asyncio.gather(*(busy_call() for _ in range(200)))
            assert link.up

    asyncio.run(scenario())


def test_waiting_requests_are_served_in_order(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with empty_link(redis_server, PATIENCE) as link:

            async def keep_asking() -> None:
                for _ in range(100):
                    await link.run(lambda redis: redis.ping())

            await asyncio.gather(*(keep_asking() for _ in range(64)))
            assert link.up

    asyncio.run(scenario())


def test_a_connection_that_redis_closed_is_replaced_and_not_taken_for_a_loss(redis_server: RedisServer) -> None:
    async def scenario() -> None:
        async with empty_link(redis_server) as link, empty_link(redis_server) as other:
            await asyncio.gather(*(link.run(lambda redis: redis.ping()) for _ in range(5)))
            await other.run(lambda redis: redis.client_kill_filter(_type="normal", skipme=True))
            await asyncio.sleep(0)
            await link.run(lambda redis: redis.ping())
            assert link.up

    asyncio.run(scenario())


def test_a_redis_that_is_known_to_be_down_costs_no_time(own_redis: RedisServer) -> None:
    async def scenario() -> None:
        async with empty_link(own_redis, PATIENCE) as link:
            own_redis.freeze()
            stopwatch = Stopwatch()
            for _ in range(1000):
                with pytest.raises(RedisGone):
                    await link.run(lambda redis: redis.ping())
            assert stopwatch.seconds < 1

    asyncio.run(scenario())


def test_a_service_starts_without_its_redis() -> None:
    async def scenario() -> None:
        link = RedisLink("redis://127.0.0.1:1/0")
        await link.open()
        assert not link.up
        await link.close()

    asyncio.run(scenario())


def test_a_redis_that_cannot_write_stays_lost_until_it_can(own_redis: RedisServer) -> None:
    """It answers PING all the time: a replica after a failover, or a Redis that is full."""

    async def scenario() -> None:
        async with empty_link(own_redis) as link, empty_link(own_redis) as admin:
            await admin.run(lambda redis: redis.replicaof("127.0.0.1", "1"))  # now it refuses to write
            with pytest.raises(RedisGone):
                await link.run(lambda redis: redis.set("key", "value"))
            lost = redis_lost_total._value.get()

            async def several_probes() -> bool:
                statistics = await admin.run(lambda redis: redis.info("commandstats"))
                return int(statistics["cmdstat_set"]["rejected_calls"]) >= 4

            await wait_asking(several_probes)
            assert not link.up
            assert redis_lost_total._value.get() == lost
            await admin.run(lambda redis: redis.replicaof("NO", "ONE"))
            await wait_on_loop(lambda: link.up)
            await link.run(lambda redis: redis.set("key", "value"))

    asyncio.run(scenario())
