"""The usage of each caller: counted in memory as calls end, written in batches, off every request's path.

In: the outcome of each call. Out: sums for a caller (`/usage`), and a caller's spending this month (budgets). While the
database is away, counts wait, merged by caller and day. A killed process loses its unwritten counts: with the database
up, at most the calls of the last `flush_seconds`. A clean stop then loses nothing.
"""

import asyncio
import contextlib
import datetime
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from shared.accounts.money import to_micro_usd, to_usd
from shared.accounts.period import Day, day_of
from shared.accounts.usage_table import Count, Key, UsageTable
from shared.pipeline.errors import DatabaseUnavailable
from shared.pipeline.outcome import Outcome
from shared.stores.database import Database

log = logging.getLogger(__name__)

MOST_WAITING = 10_000  # counts; past it strangers are counted together, as there may be one per address
OTHER_STRANGERS = "ip:others"


@dataclass(slots=True, frozen=True)
class Used:
    """One caller's sums, including counts that are not written yet."""

    today: Count
    month: Count


class UsageLedger:
    """Opened after its database and closed before it."""

    def __init__(self, database: Database, flush_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._table = UsageTable(database)
        self._flush_seconds = flush_seconds
        self._clock = clock
        self._day = day_of(clock())
        self._waiting: dict[Key, Count] = {}
        self._spent: dict[str, int] = {}  # micro-USD this month, for callers whose spending was asked for
        self._asked: set[str] = set()  # those of them whose spending was asked for since the last flush
        self._forgotten_before: datetime.date | None = None
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()  # at most one GET /usage waits for `_writing`, or it would hold up budgets
        self._stop = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._flusher = asyncio.create_task(self._keep_flushing())

    async def close(self) -> None:
        # Not cancelled: a batch that is being written must not be written a second time.
        self._stop.set()
        if self._flusher is not None:
            await self._flusher
        try:
            await self.flush()
        except DatabaseUnavailable:
            log.error("the usage of %d callers is lost: the database was away at the end", len(self._waiting))

    def record(self, caller: str, outcome: Outcome) -> None:
        """Count one call. Never blocks."""
        cost = to_micro_usd(outcome.cost_usd)
        count = self._count((caller, self.today().date))
        count.requests += 1
        count.tokens_input += outcome.spent.input
        count.tokens_output += outcome.spent.output
        count.cost_micro_usd += cost
        if caller in self._spent:
            self._spent[caller] += cost

    def today(self) -> Day:
        now = self._clock()
        if now >= self._day.ends:
            month = self._day.month
            self._day = day_of(now)
            if self._day.month != month:
                self._spent.clear()
        return self._day

    def spent(self, caller: str) -> float | None:
        """US dollars that `caller` has spent this month, as far as this process knows; None if it has to `learn` it.

        It knows its own calls at once. It knows those of other workers as of its last flush after such a question.
        """
        self.today()  # a new month begins at 0
        spent = self._spent.get(caller)
        if spent is None:
            return None
        self._asked.add(caller)
        return to_usd(spent)

    async def learn(self, caller: str) -> None:
        """Ask the database what `caller` has spent. While it is away, use this process's own counts."""
        if not self._database.up:
            self._spent[caller] = self._waiting_of(caller).cost_micro_usd
            return
        async with self._writing:
            if caller in self._spent:
                return  # another call has learnt it while we waited
            written = 0
            with contextlib.suppress(DatabaseUnavailable):
                written = await self._table.spent(caller, self.today().month)
            self._spent[caller] = written + self._waiting_of(caller).cost_micro_usd

    async def used(self, caller: str) -> Used:
        """Today's and this month's sums. Raises DatabaseUnavailable."""
        async with self._reading, self._writing:  # nothing moves from memory to the database meanwhile
            day = self.today()
            today, month = await self._table.sums(caller, day.date, day.month)
            today.add(self._waiting.get((caller, day.date), Count()))
            month.add(self._waiting_of(caller))
        return Used(today, month)

    async def flush(self) -> None:
        """Write the waiting counts, and read what others wrote. Raises DatabaseUnavailable and keeps the counts."""
        async with self._writing:
            if not self._waiting and not self._asked:
                return
            batch, self._waiting = self._waiting, {}
            asked, self._asked = self._asked, set()
            month = self.today().month
            try:
                spent = await self._table.add(batch, month, asked)
            except BaseException:
                for key, count in batch.items():
                    self._count(key).add(count)
                raise
            if self.today().month == month:
                for caller, written in spent.items():
                    self._spent[caller] = written + self._waiting_of(caller).cost_micro_usd

    async def _keep_flushing(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._flush_seconds)
            with contextlib.suppress(DatabaseUnavailable):  # the database has logged it, and the counts wait
                await self.flush()
                await self._forget_strangers()

    async def _forget_strangers(self) -> None:
        """Once a month, and when a process starts."""
        month = self.today().month
        if self._forgotten_before != month:
            await self._table.forget_strangers(before=month)
            self._forgotten_before = month

    def _count(self, key: Key) -> Count:
        count = self._waiting.get(key)
        if count is None:
            caller, date = key
            if len(self._waiting) >= MOST_WAITING and caller.startswith("ip:"):
                key = (OTHER_STRANGERS, date)
            count = self._waiting.setdefault(key, Count())
        return count

    def _waiting_of(self, caller: str) -> Count:
        """This month's counts that are not written yet. Goes through all waiting counts: not for the hot path."""
        month, total = self.today().month, Count()
        for (who, date), count in self._waiting.items():
            if who == caller and date >= month:
                total.add(count)
        return total
