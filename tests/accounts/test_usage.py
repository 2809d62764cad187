"""Usage counts: nothing is lost or counted twice, and no request waits for them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.accounts import usage as module
from shared.accounts.period import day_of
from shared.accounts.usage import OTHER_STRANGERS, UsageLedger, Used
from shared.accounts.usage_table import Count
from shared.layers.account_usage import AccountUsage
from shared.layers.budget import Budget
from shared.pipeline.call import Call, Caller, ChatRequest
from shared.pipeline.errors import BudgetExceeded, DatabaseUnavailable
from shared.pipeline.outcome import Ending, Outcome, Usage
from shared.pipeline.reply import Reply
from shared.stores.database import Database
from shared.stores.tables import usage
from tests.accounts.conftest import Door, on_database
from tests.shared.conftest import answering, completion
from tests.waiting import wait_asking, wait_on_loop

CALL = Outcome(Ending.FINISHED, Usage(30, 12), cost_usd=0.000012)
NEVER = 3600.0  # seconds between flushes: these tests call flush() instead


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Clock:
    def __init__(self, text: str = "2026-10-31T12:00:00") -> None:
        self.now = moment(text)

    def __call__(self) -> float:
        return self.now


class Shaky(Database):
    """A database that is down while `gone` is set, and has a door."""

    gone = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.door = Door()

    async def run(self, work: Callable[[AsyncConnection], Awaitable[object]]) -> object:  # type: ignore[override]
        await self.door.pass_through()
        if self.gone:
            raise DatabaseUnavailable("gone")
        return await super().run(work)


def on_ledger(url: str, play: Callable[[UsageLedger, Clock, Shaky], Awaitable[None]]) -> None:
    async def run() -> None:
        database, clock = Shaky(url), Clock()
        try:
            await play(UsageLedger(database, NEVER, clock), clock, database)
        finally:
            await database.close()

    asyncio.run(run())


def test_a_callers_calls_add_up_whether_they_are_written_or_not(database_url: str) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        ledger.record("user:ana", CALL)
        await ledger.flush()
        ledger.record("user:ana", CALL)
        ledger.record("user:bob", CALL)
        two = Count(2, 60, 24, 24)
        assert await ledger.used("user:ana") == Used(two, two)
        await ledger.flush()
        assert await ledger.used("user:ana") == Used(two, two)
        assert await ledger.used("user:nobody") == Used(Count(), Count())

    on_ledger(database_url, check)


def test_an_answer_from_the_cache_is_a_request_that_used_nothing(sqlite_file: object) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        ledger.record("user:ana", replace(CALL, cached=True, cost_usd=0.0))
        assert (await ledger.used("user:ana")).month == Count(requests=1)

    on_ledger(f"sqlite:///{sqlite_file}", check)


def test_days_and_months_are_kept_apart(database_url: str) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        days = ["2026-10-31T23:59:59", "2026-11-01T00:00:00", "2026-11-30T12:00:00", "2026-11-30T23:59:59"]
        for number, day in enumerate(days):
            clock.now = moment(day)
            ledger.record("user:ana", CALL)
            if number == 2:
                await ledger.flush()
        used = await ledger.used("user:ana")
        assert (used.today.requests, used.month.requests) == (2, 3)
        clock.now = moment("2026-12-01T00:00:00")
        used = await ledger.used("user:ana")
        assert (used.today.requests, used.month.requests) == (0, 0)

    on_ledger(database_url, check)


@pytest.mark.parametrize(
    ("now", "day_ends", "month_ends"),
    [
        ("2026-12-31T23:59:59", "2027-01-01", "2027-01-01"),
        ("2028-02-28T00:00:00", "2028-02-29", "2028-03-01"),
        ("2026-01-31T08:00:00", "2026-02-01", "2026-02-01"),
    ],
)
def test_days_and_months_end_as_the_calendar_says(now: str, day_ends: str, month_ends: str) -> None:
    day = day_of(moment(now))
    assert (day.ends, day.month_ends) == (moment(day_ends), moment(month_ends))


def test_workers_that_write_the_same_callers_at_once_lose_nothing(database_url: str) -> None:
    workers, callers, rounds = 4, 50, 5

    async def check(database: Database) -> list[Used]:
        ledgers = [UsageLedger(database, NEVER) for _ in range(workers)]
        for _ in range(rounds):
            for number, ledger in enumerate(ledgers):
                order = range(callers) if number % 2 else reversed(range(callers))
                for caller in order:
                    ledger.record(f"user:{caller}", CALL)
            await asyncio.gather(*(ledger.flush() for ledger in ledgers))
        return [await ledgers[0].used(f"user:{caller}") for caller in range(callers)]

    used = on_database(database_url, check)
    assert {count.month.requests for count in used} == {workers * rounds}


def test_usage_that_could_not_be_written_waits_and_is_written_once(database_url: str) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        for _ in range(3):
            ledger.record("user:ana", CALL)
            database.gone = True
            with pytest.raises(DatabaseUnavailable):
                await ledger.flush()
        database.gone = False
        await ledger.flush()
        await ledger.flush()
        assert (await ledger.used("user:ana")).month == Count(3, 90, 36, 36)

    on_ledger(database_url, check)


def test_calls_that_end_while_a_batch_is_written_are_in_the_next(database_url: str) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        ledger.record("user:ana", CALL)
        database.door.shut()
        flushing = asyncio.create_task(ledger.flush())
        await wait_on_loop(lambda: database.door.waiting == 1)
        ledger.record("user:ana", CALL)
        asking = asyncio.create_task(ledger.used("user:ana"))
        for _ in range(20):  # time enough for a wrong ledger to query during the write
            await asyncio.sleep(0)
        assert database.door.waiting == 1, "the ledger asked while the batch was being written"
        database.door.open()
        assert (await asking).month.requests == 2
        await flushing
        assert (await ledger.used("user:ana")).month.requests == 2

    on_ledger(database_url, check)


def test_countless_strangers_do_not_fill_the_memory_while_the_database_is_down(
    sqlite_file: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 100)

    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        database.gone = True
        for number in range(5000):
            ledger.record(f"ip:stranger-{number}", CALL)
            if number % 50 == 0:
                with contextlib.suppress(DatabaseUnavailable):
                    await ledger.flush()
        ledger.record("user:ana", CALL)
        assert len(ledger._waiting) <= 100 + 2
        database.gone = False
        await ledger.flush()
        named = [(await ledger.used(f"ip:stranger-{number}")).month.requests for number in range(100)]
        others = (await ledger.used(OTHER_STRANGERS)).month.requests
        assert sum(named) + others == 5000
        assert (await ledger.used("user:ana")).month.requests == 1

    on_ledger(f"sqlite:///{sqlite_file}", check)


def test_strangers_are_forgotten_when_their_month_is_over_and_users_are_not(database_url: str) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        for day in ("2026-10-31T12:00:00", "2026-11-01T12:00:00"):
            clock.now = moment(day)
            for caller in ("ip:192.0.2.7", "user:ana"):
                ledger.record(caller, CALL)
        await ledger.flush()
        now = UsageLedger(database, 0.01, clock)
        await now.open()

        async def fewer() -> list[tuple[str, int]]:
            found = await rows(database)
            return found if len(found) < 4 else []

        left = await wait_asking(fewer)
        await now.close()
        assert left == [("ip:192.0.2.7", 1), ("user:ana", 31), ("user:ana", 1)]

    async def rows(database: Shaky) -> list[tuple[str, int]]:
        query = select(usage.c.caller, usage.c.day).order_by(usage.c.caller, usage.c.day)
        found = await Database.run(database, lambda connection: connection.execute(query))
        return [(row.caller, row.day.day) for row in found]

    on_ledger(database_url, check)


def test_it_flushes_regularly_and_at_its_end(database_url: str) -> None:
    async def check(database: Database) -> None:
        ledger = UsageLedger(database, flush_seconds=0.05)
        await ledger.open()
        ledger.record("user:ana", CALL)

        async def flushed() -> bool:
            return await written(database) == 1

        await wait_asking(flushed)
        ledger.record("user:ana", CALL)
        await ledger.close()
        assert await written(database) == 2

    async def written(database: Database) -> int:
        return (await UsageLedger(database, NEVER).used("user:ana")).month.requests

    on_database(database_url, check)


# --- budgets -----------------------------------------------------------------------------------------------------


def test_spending_is_known_at_once_here_and_after_a_flush_elsewhere(database_url: str) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        other = UsageLedger(database, NEVER, clock)
        assert ledger.spent("user:ana") is None
        for each in (ledger, other):
            await each.learn("user:ana")
        ledger.record("user:ana", CALL)
        assert ledger.spent("user:ana") == CALL.cost_usd
        assert other.spent("user:ana") == 0
        await ledger.flush()
        await other.flush()
        assert ledger.spent("user:ana") == other.spent("user:ana") == CALL.cost_usd
        clock.now = moment("2026-12-01T00:00:00")
        assert ledger.spent("user:ana") is None
        await ledger.learn("user:ana")
        assert ledger.spent("user:ana") == 0

    on_ledger(database_url, check)


def test_a_new_process_knows_earlier_spending(database_url: str) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        ledger.record("user:ana", CALL)
        await ledger.flush()
        later = UsageLedger(database, NEVER, clock)
        later.record("user:ana", CALL)
        await later.learn("user:ana")
        assert later.spent("user:ana") == 2 * CALL.cost_usd

    on_ledger(database_url, check)


def test_without_a_database_a_budget_counts_local_spending(sqlite_file: object) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        database.gone = True
        ledger.record("user:ana", CALL)
        await ledger.learn("user:ana")
        assert ledger.spent("user:ana") == CALL.cost_usd

    on_ledger(f"sqlite:///{sqlite_file}", check)


def test_a_budget_that_is_spent_refuses_until_the_month_ends(sqlite_file: object) -> None:
    async def check(database: Database) -> None:
        ledger = UsageLedger(database, NEVER)
        upstream = answering(completion())
        calls = 0

        async def counted(call: Call) -> Reply:
            nonlocal calls
            calls += 1
            return await upstream(call)

        async def send(budget: float | None) -> None:
            call = Call(ChatRequest("m", ()), "/generate", "test", caller=Caller("user:ana", "ana", budget_usd=budget))
            await Budget(ledger)(call, lambda call: AccountUsage(ledger)(call, counted))
            call.finish(replace(CALL, cost_usd=0.5))

        await send(budget=1.0)
        await send(budget=1.0)  # 0.5 of 1.0 is spent: the cost of a call is unknown before it ends
        with pytest.raises(BudgetExceeded) as refused:
            await send(budget=1.0)
        assert (refused.value.http_status, refused.value.type) == (429, "insufficient_quota")
        assert 0 < int(refused.value.headers()["Retry-After"]) <= 31 * 86400
        assert calls == 2
        await send(budget=1.01)
        await send(budget=None)
        with pytest.raises(BudgetExceeded):
            await send(budget=0.0)

    on_database(f"sqlite:///{sqlite_file}", check)


def test_a_budget_does_not_wait_behind_a_flood_of_questions_about_usage(sqlite_file: object) -> None:
    async def check(ledger: UsageLedger, clock: Clock, database: Shaky) -> None:
        answered: list[str] = []

        async def ask(number: int) -> None:
            await ledger.used(f"user:{number}")
            answered.append("usage")

        async def learn() -> None:
            await ledger.learn("user:ana")
            answered.append("budget")

        await asyncio.gather(*(ask(number) for number in range(50)), learn())
        assert answered.index("budget") <= 1, "it waits for the one question under way"

    on_ledger(f"sqlite:///{sqlite_file}", check)
