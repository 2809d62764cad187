"""The table of usage: the counts of each caller on each day, added to and summed up.

In: counts. Out: sums. A write adds to its row, so several workers can share one. Knows nothing of calls or of budgets.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from sqlalchemy import Insert, case, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.stores.database import Database
from shared.stores.tables import usage
from shared.stores.upsert import upsert

ROWS_AT_ONCE = 500  # building a statement blocks the event loop, so rows are written in parts

Key = tuple[str, date]  # caller, and day (UTC)


@dataclass(slots=True)
class Count:
    """Requests, tokens and millionths of a US dollar."""

    requests: int = 0
    tokens_input: int = 0
    tokens_output: int = 0
    cost_micro_usd: int = 0

    def add(self, other: "Count") -> None:
        self.requests += other.requests
        self.tokens_input += other.tokens_input
        self.tokens_output += other.tokens_output
        self.cost_micro_usd += other.cost_micro_usd


COLUMNS = ("requests", "tokens_input", "tokens_output", "cost_micro_usd")


class UsageTable:
    """Every method raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, counts: Mapping[Key, Count], month: date, watched: Collection[str]) -> dict[str, int]:
        """Write `counts`; in the same transaction read what each of the `watched` callers spent since `month` began.

        If the connection breaks during the commit, nobody can know whether it succeeded. A second attempt may count
        this batch twice.
        """
        # In one order everywhere: two workers that lock the same rows in PostgreSQL must not deadlock.
        rows = [
            {"caller": caller, "day": day, **{name: getattr(count, name) for name in COLUMNS}}
            for (caller, day), count in sorted(counts.items())
        ]

        async def write(connection: AsyncConnection) -> dict[str, int]:
            for start in range(0, len(rows), ROWS_AT_ONCE):
                await connection.execute(self._addition, rows[start : start + ROWS_AT_ONCE])
            return await _spent(connection, month, sorted(watched))

        return await self._database.run(write)

    @cached_property
    def _addition(self) -> Insert:
        """Built once: it takes a third of a millisecond, in which no request goes on."""
        insert = upsert(self._database.dialect, usage)
        return insert.on_conflict_do_update(
            index_elements=[usage.c.caller, usage.c.day],
            set_={name: usage.c[name] + insert.excluded[name] for name in COLUMNS},
        )

    async def forget_strangers(self, before: date) -> None:
        """Delete what callers without a token used before that day: addresses are personal data, which nobody reads."""
        old = delete(usage).where(usage.c.day < before, usage.c.caller.startswith("ip:"))
        await self._database.run(lambda connection: connection.execute(old))

    async def spent(self, caller: str, month: date) -> int:
        """Millionths of a US dollar since `month` began."""
        return (await self._database.run(lambda connection: _spent(connection, month, [caller])))[caller]

    async def sums(self, caller: str, today: date, month: date) -> tuple[Count, Count]:
        """The usage of `caller` today, and since `month` began."""
        of_today = [func.sum(case((usage.c.day == today, usage.c[name]), else_=0)) for name in COLUMNS]
        of_month = [func.sum(usage.c[name]) for name in COLUMNS]
        query = select(*of_today, *of_month).where(usage.c.caller == caller, usage.c.day >= month)

        async def read(connection: AsyncConnection) -> tuple[Count, Count]:
            row = [int(value or 0) for value in (await connection.execute(query)).one()]
            return Count(*row[: len(COLUMNS)]), Count(*row[len(COLUMNS) :])

        return await self._database.run(read)


async def _spent(connection: AsyncConnection, month: date, callers: list[str]) -> dict[str, int]:
    spent = dict.fromkeys(callers, 0)
    for start in range(0, len(callers), ROWS_AT_ONCE):
        query = (
            select(usage.c.caller, func.sum(usage.c.cost_micro_usd).label("cost"))
            .where(usage.c.day >= month, usage.c.caller.in_(callers[start : start + ROWS_AT_ONCE]))
            .group_by(usage.c.caller)
        )
        spent |= {row.caller: int(row.cost) for row in await connection.execute(query)}
    return spent
