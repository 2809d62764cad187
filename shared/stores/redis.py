"""A Redis that may be gone: dead, frozen or slow, it costs a call a few hundredths of a second, once, and no more.

In: commands. Out: their results, or RedisGone at once while Redis is known to be gone; a probe notices when it is back.
What to do without Redis is for each user to decide. Knows nothing of limits or caches.

Redis' library is loaded with the first link, here and in whatever uses one: a service without Redis saves a tenth of a
second and 6 MB.
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

PATIENCE = 0.08  # seconds for one command, its connection included; a healthy Redis takes less than one thousandth
FIRST_PROBE = 0.1  # seconds until the first look at a Redis that is gone, which may only have stumbled; then it doubles
PROBE_EVERY = 1.0  # seconds at most between looks

redis_up = Gauge("redis_up", "0 while Redis is gone and its users go on without it", multiprocess_mode="livemin")
redis_up.set(1)  # also where there is none: nobody misses it
redis_lost_total = Counter("redis_lost_total", "How often Redis went away")


class RedisGone(Exception):
    """Redis does not answer; go on without it."""


class RedisLink:
    """One pool of connections to `url`. Never raises anything but RedisGone, and never waits longer than `patience`.

    It is counted in turns of the event loop, see loop_timeout.py: our own rush hour must not read as a dead Redis.
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
            socket_timeout=None,  # `run` bounds connecting and waiting alike
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 0),  # one retry layer in a service, and this is not it
            # Left on, they also leave a connection that Redis has closed in the pool, for a command to fall over.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        # First come, first served; the client library's own blocking pool lets whoever just finished push in again.
        self._places = asyncio.Semaphore(max_connections)
        self._redis: Redis = Redis(connection_pool=pool)
        self._faults = (RedisError, OSError, TimeoutError)
        self._patience = LoopTimeout(patience)
        self._probe: asyncio.Task[None] | None = None
        self.up = True

    async def open(self) -> None:
        redis_up.set(1)
        with contextlib.suppress(RedisGone):
            await self.run(lambda redis: redis.ping())

    async def close(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
        with contextlib.suppress(*self._faults):
            await self._redis.aclose()

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """The result of `command`. Raises RedisGone."""
        if not self.up:
            raise RedisGone
        async with self._places:
            if not self.up:  # lost while we stood in line
                raise RedisGone
            try:
                async with self._patience.wait():
                    return await command(self._redis)
            except self._faults as fault:
                self._lose(fault)
                raise RedisGone from fault

    def _lose(self, fault: Exception) -> None:
        if not self.up:
            return  # a call that failed beside us has said so
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
                # As patient as with a call: who answers slower than that would be lost again at once.
                async with self._patience.wait():
                    await self._redis.ping()
                self.up = True
        redis_up.set(1)
        log.warning("redis is back")
