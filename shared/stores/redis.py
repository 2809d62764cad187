"""A Redis that may be gone. Dead, frozen or slow, it costs a call a few hundredths of a second, once.

In: commands. Out: their results, or RedisGone at once while Redis is known to be gone; a probe notices when it is back.
Each caller of this module decides what to do without Redis. Knows nothing of limits or caches.

The Redis library is loaded with the first link, here and in the modules that use one: a service without Redis saves a
tenth of a second and 6 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import Counter, Gauge

from shared.stores.loop_timeout import LoopTimeout

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 0.08  # seconds for one command, including its connection; a healthy Redis takes less than a millisecond
FIRST_PROBE = 0.1  # seconds until the first probe of a lost Redis, which may be back soon; then the wait doubles
PROBE_KEY = "gateway:probe"
PROBE_EVERY = 1.0  # seconds at most between probes

redis_up = Gauge("redis_up", "0 while Redis is gone and its users go on without it", multiprocess_mode="livemin")
redis_up.set(1)  # also in a service without Redis
redis_lost_total = Counter("redis_lost_total", "How often Redis went away")


class RedisGone(Exception):
    """Redis does not answer; go on without it."""


class RedisLink:
    """One pool of connections to `url`. Raises only RedisGone, and never waits longer than `patience`.

    `patience` counts turns of the event loop (loop_timeout.py): our own load must not look like a dead Redis.
    """

    def __init__(self, url: str, max_connections: int = 16, patience: float = PATIENCE) -> None:
        from redis.asyncio import ConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError
        from redis.maint_notifications import MaintNotificationsConfig

        pool = ConnectionPool.from_url(
            url,
            max_connections=max_connections,
            socket_timeout=None,  # `run` limits connecting and waiting together
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),  # a service has one retry layer, and this is not it
            # If enabled, they leave connections that Redis has closed in the pool, and the next command fails.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        # First come, first served: in the library's own blocking pool, a caller that just finished can jump the queue.
        self._places = asyncio.Semaphore(max_connections)
        self._redis: Redis = Redis(connection_pool=pool)
        self._faults = (RedisError, OSError, TimeoutError)
        self._patience = LoopTimeout(patience)
        self._probe: asyncio.Task[None] | None = None
        self.up = True

    async def open(self) -> None:
        redis_up.set(1)
        with contextlib.suppress(RedisGone):
            await self.run(lambda redis: redis.set(PROBE_KEY, "", px=1000))

    async def close(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait([self._probe])
        with contextlib.suppress(*self._faults):
            await self._redis.aclose()

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """The result of `command`. Raises RedisGone."""
        if not self.up:
            raise RedisGone
        async with self._places:
            if not self.up:  # lost while this call waited
                raise RedisGone
            try:
                async with self._patience.wait():
                    return await command(self._redis)
            except self._faults as fault:
                self._lose(fault)
                raise RedisGone from fault

    def _lose(self, fault: Exception) -> None:
        if not self.up:
            return  # another call has reported it
        self.up = False
        redis_up.set(0)
        redis_lost_total.inc()
        log.error("redis is gone (%s); going on without it", str(fault) or type(fault).__name__)
        self._probe = asyncio.create_task(self._look_for_it())

    async def _look_for_it(self) -> None:
        pause = FIRST_PROBE
        while not self.up:
            await asyncio.sleep(pause)
            pause = min(2 * pause, PROBE_EVERY)
            with contextlib.suppress(*self._faults):
                # The same limit as for a call: a slower Redis would be lost again at once.
                # A Redis that cannot write answers PING too, and after a failover an old connection leads to the old
                # primary: connect again, and write.
                await self._redis.connection_pool.disconnect()
                async with self._patience.wait():
                    await self._redis.set(PROBE_KEY, "", px=1000)
                self.up = True
        redis_up.set(1)
        log.warning("redis is back")
