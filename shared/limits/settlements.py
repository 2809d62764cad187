"""Sends the real usage of calls to Redis: off the request's path, and never lost in silence.

In: settlements, as calls end. They go out at once, in batches, and wait while Redis is gone. One that no longer counts
for any window is dropped. With more than MOST_OWED waiting, the oldest is dropped, counted and logged.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque

from prometheus_client import Counter

from shared.limits.redis import RedisCounts, Settlement
from shared.stores.redis import RedisGone

log = logging.getLogger(__name__)

BATCH = 200
GATHER = 0.005  # seconds that a settlement waits for others: sent one by one, they would cost as much as the decisions
MOST_OWED = 50_000
TRY_AGAIN_AFTER = 0.25  # seconds
CLOSING_PATIENCE = 0.5  # seconds

settlements_lost_total = Counter(
    "rate_limit_settlements_lost_total", "Settlements that never reached Redis: their reservations counted for too long"
)


class Settlements:
    """One task sends the settlements to `counts`, for the life of the process."""

    def __init__(self, counts: RedisCounts) -> None:
        self._counts = counts
        self._owed: deque[tuple[float, Settlement]] = deque()  # with its arrival (monotonic seconds)
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._owed)

    async def open(self) -> None:
        self._task = asyncio.create_task(self._tell_for_ever())

    async def close(self) -> None:
        """Send the rest, if Redis answers."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(TimeoutError, RedisGone):
            async with asyncio.timeout(CLOSING_PATIENCE):
                while self._owed:
                    await self._tell_a_batch()
        if self._owed:
            self._lose(len(self._owed))

    def add(self, settlement: Settlement) -> None:
        if len(self._owed) >= MOST_OWED:
            self._lose(1)
        self._owed.append((time.monotonic(), settlement))
        self._news.set()

    async def _tell_for_ever(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER)
            self._news.clear()
            while self._owed:
                try:
                    await self._tell_a_batch()
                except RedisGone:
                    await asyncio.sleep(TRY_AGAIN_AFTER)

    async def _tell_a_batch(self) -> None:
        now = time.monotonic()
        while self._owed and (now - self._owed[0][0]) * 1e6 > self._owed[0][1].horizon:
            self._owed.popleft()
        batch = [self._owed.popleft() for _ in range(min(BATCH, len(self._owed)))]
        if not batch:
            return
        try:
            await self._counts.settle([_aged(settlement, now - since) for since, settlement in batch])
        except BaseException:  # it may or may not have arrived: sending it twice does no harm
            self._owed.extendleft(reversed(batch))
            raise

    def _lose(self, count: int) -> None:
        for _ in range(count):
            self._owed.popleft()
        settlements_lost_total.inc(count)
        log.error("rate limits: %d settlements never reached redis", count)


def _aged(settlement: Settlement, waited: float) -> Settlement:
    """The settlement with its age as of now."""
    return settlement if settlement.age < 0 else settlement._replace(age=settlement.age + round(waited * 1e6))
