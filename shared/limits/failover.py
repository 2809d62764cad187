"""Limits that several workers share, and their fallback while Redis is gone.

With Redis, one decision counts for all workers. Without Redis, each worker grants its share of every limit, says so in
one log line and a counter, and reports its admissions as soon as Redis is back. Requests that Redis admits through
this process are logged here too, so that the share is not granted on top of them.
"""

import asyncio
import logging

from prometheus_client import Counter

from shared.limits.allowance import Limits
from shared.limits.memory import MemoryLimiter, microseconds
from shared.limits.redis import STRUCK_OUT, RedisCounts, Settlement
from shared.limits.settlements import Settlements
from shared.limits.verdict import Settle, Verdict, nothing_to_settle
from shared.stores.redis import RedisGone, RedisLink

log = logging.getLogger(__name__)

fallback_total = Counter("rate_limit_fallback_total", "Decisions that a worker took alone, because Redis was gone")


class SharedLimiter:
    """Decides through `link`; while Redis is gone, with 1/`workers` of each limit."""

    def __init__(self, link: RedisLink, workers: int) -> None:
        self._link = link
        self._counts = RedisCounts(link)
        self._owed = Settlements(self._counts)
        self._local = MemoryLimiter(workers)
        self._workers = workers
        self._alone = False

    async def open(self) -> None:
        await self._owed.open()

    async def close(self) -> None:
        await self._owed.close()

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        """Admit one request of at most `tokens`, if it fits."""
        if not self._link.up:
            return await self._admit_alone(key, limits, tokens)
        id = self._counts.new_id()
        try:
            reading = await self._counts.admit(key, limits, tokens, id)
        except RedisGone:
            self._strike_out(key, limits, tokens, id)
            return await self._admit_alone(key, limits, tokens)
        except asyncio.CancelledError:  # the client left; Redis may or may not have admitted it
            self._strike_out(key, limits, tokens, id)
            raise
        self._say_when_back()
        if not reading.admitted:
            return Verdict(limits, reading, nothing_to_settle)
        settle_here = self._local.note(key, limits, tokens)

        def settle(used: int) -> None:
            settle_here(used)
            self._owed.add(Settlement(key, id, tokens, used, limits.horizon))

        return Verdict(limits, reading, settle)

    async def look(self, key: str, limits: Limits) -> Verdict:
        """The caller's current state. Admits nothing."""
        try:
            return Verdict(limits, await self._counts.admit(key, limits, 0, ""), nothing_to_settle)
        except RedisGone:
            return await self._local.look(key, limits)

    # region: admit-alone
    async def _admit_alone(self, key: str, limits: Limits, tokens: int) -> Verdict:
        fallback_total.inc()
        self._say_when_alone()
        verdict = await self._local.admit(key, limits, tokens)
        if not verdict.reading.admitted:
            return verdict
        return verdict._replace(settle=self._settle_later(key, limits, tokens, verdict.settle))

    # endregion: admit-alone

    def _settle_later(self, key: str, limits: Limits, tokens: int, settle_here: Settle) -> Settle:
        id, admitted_at = self._counts.new_id(), microseconds()

        def settle(used: int) -> None:
            settle_here(used)
            age = microseconds() - admitted_at
            self._owed.add(Settlement(key, id, tokens, used, limits.horizon, age))

        return settle

    def _strike_out(self, key: str, limits: Limits, tokens: int, id: str) -> None:
        # A frozen Redis runs the commands it received when it thaws: this admission must not count then.
        self._owed.add(Settlement(key, id, tokens, STRUCK_OUT, limits.horizon))

    def _say_when_alone(self) -> None:
        if not self._alone:
            self._alone = True
            log.warning("rate limits: redis is gone; this worker grants 1/%d of each limit by itself", self._workers)

    def _say_when_back(self) -> None:
        if self._alone and self._link.up:  # not just a late answer to an earlier command
            self._alone = False
            log.warning("rate limits: redis is back; all workers count together again")
