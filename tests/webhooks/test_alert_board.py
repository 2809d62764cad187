"""The board, on a real database of each kind: it takes every webhook once, and shows only alerts that still hold."""

import asyncio
import dataclasses
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from shared.pipeline.errors import DatabaseUnavailable, InvalidRequest
from shared.settings import Settings
from shared.stores import database
from shared.stores.database import Database
from shared.webhooks.alert_board import MOST, REMEMBERED, SHOWN_RESOLVED, SILENT, AlertBoard
from shared.webhooks.notification import Alert, read
from shared.webhooks.tables import alerts, taken
from tests.accounts.conftest import on_database
from tests.waiting import wait_asking
from tests.webhooks.mess import messed_up
from workshop.postgres_server import PrivatePostgres

NOW = 1_800_000_000.0
DOWN = Alert("f1", "Down", "page", "firing", "it is down", starts=NOW - 60)
OVER = dataclasses.replace(DOWN, status="resolved", ends=NOW)
SETTINGS = Settings(webhook_hmac_secret=SecretStr("s"))


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def with_board(url: str, work: Callable[[AlertBoard, Clock], Awaitable[None]]) -> None:
    async def run(database: Database) -> None:
        clock = Clock()
        await work(AlertBoard(SETTINGS, database, clock), clock)

    on_database(url, run)


async def shown(board: AlertBoard) -> list[tuple[str, str]]:
    return [(alert["name"], alert["status"]) for alert in await board.current()]


def test_the_board_shows_a_webhooks_alerts(database_url: str) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        assert await board.take("m1", [DOWN])
        (alert,) = await board.current()
        assert alert == {
            **{"fingerprint": "f1", "name": "Down", "severity": "page", "status": "firing", "summary": "it is down"},
            **{"starts": NOW - 60, "ends": None, "updated": NOW},
        }
        assert list(board.firing) == ["Down"]

    with_board(database_url, work)


def test_a_repeated_webhook_changes_nothing(database_url: str) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        assert await board.take("m1", [DOWN])
        assert await board.take("m2", [OVER])
        assert not await board.take("m1", [dataclasses.replace(DOWN, starts=NOW)])
        assert await shown(board) == [("Down", "resolved")]

    with_board(database_url, work)


async def until_taken(board: AlertBoard, id: str) -> bool:
    """Sends again while the database is unavailable, as a sender does."""

    async def heard() -> list[bool]:
        try:
            return [await board.take(id, [DOWN])]
        except DatabaseUnavailable:
            return []

    [taken] = await wait_asking(heard)
    return taken


def test_fifty_equal_webhooks_at_once_from_four_sides_are_taken_once(database_url: str) -> None:
    async def race() -> list[bool]:
        databases = [Database(database_url) for _ in range(4)]
        boards = [AlertBoard(SETTINGS, database) for database in databases]
        try:
            return await asyncio.gather(*(until_taken(boards[turn % 4], "m1") for turn in range(50)))
        finally:
            for database in databases:
                await database.close()

    assert sorted(asyncio.run(race())) == [False] * 49 + [True]


def test_other_workers_show_an_alert_after_their_next_look(database_url: str) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        await board.take("m1", [DOWN, dataclasses.replace(DOWN, fingerprint="f2")])
        other = Database(database_url)
        neighbour = AlertBoard(SETTINGS, other, clock)
        await neighbour.look()
        assert list(neighbour.firing) == ["Down"], "each name once, however many alerts have it"
        await board.take("m2", [OVER, dataclasses.replace(OVER, fingerprint="f2")])
        await neighbour.look()
        assert list(neighbour.firing) == []
        await other.close()

    with_board(database_url, work)


LATER = dataclasses.replace(DOWN, starts=NOW - 10)
ORDERS: list[tuple[list[Alert], str]] = [
    ([DOWN, OVER], "resolved"),
    ([OVER, DOWN], "resolved"),
    ([OVER, LATER], "firing"),
    ([LATER, OVER], "firing"),
    ([DOWN, LATER, OVER], "firing"),
    ([LATER, DOWN], "firing"),
    ([LATER, dataclasses.replace(OVER, starts=NOW - 10), DOWN], "resolved"),
    ([OVER, dataclasses.replace(DOWN, starts=None)], "firing"),
    ([DOWN, dataclasses.replace(OVER, starts=None, ends=None)], "resolved"),
]


@pytest.mark.parametrize(("order", "at_last"), ORDERS)
def test_a_late_webhook_does_not_undo_newer_state(order: list[Alert], at_last: str, database_url: str) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        for number, alert in enumerate(order):
            assert await board.take(f"m{number}", [alert])
        assert await shown(board) == [("Down", at_last)]

    with_board(database_url, work)


def test_an_alert_ends_at_its_end_time_or_when_no_sender_repeats_it(database_url: str) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        await board.take("m1", [DOWN, dataclasses.replace(DOWN, fingerprint="f2", name="Brief", ends=NOW + 30)])
        await board.take("m2", [dataclasses.replace(OVER, fingerprint="f3", name="Past")])
        await board.look()
        assert list(board.firing) == ["Brief", "Down"]
        clock.now = NOW + 31
        await board.look()
        assert list(board.firing) == ["Down"]
        clock.now = NOW + SHOWN_RESOLVED + 1
        assert await shown(board) == [("Down", "firing")]
        await board.take("m3", [DOWN])  # repeated: it continues
        clock.now = NOW + SILENT + 1
        assert await shown(board) == [("Down", "firing")]
        clock.now = NOW + SHOWN_RESOLVED + SILENT + 2
        assert await shown(board) == []

    with_board(database_url, work)


def test_an_alert_that_had_ended_before_it_arrived_does_not_fire(database_url: str) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        await board.take("m1", [dataclasses.replace(DOWN, ends=NOW - 1)])
        assert await shown(board) == [("Down", "resolved")]

    with_board(database_url, work)


def test_times_from_the_future_are_not_believed(database_url: str) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        await board.take("m1", [dataclasses.replace(DOWN, starts=NOW + 1e9, ends=NOW + 1e9)])
        clock.now = NOW + 1
        await board.take("m2", [dataclasses.replace(OVER, starts=None, ends=NOW + 1e9)])
        (alert,) = await board.current()
        assert (alert["status"], alert["ends"]) == ("resolved", NOW + 1)

    with_board(database_url, work)


async def rows(board: AlertBoard, table: Any) -> int:
    query = select(func.count()).select_from(table)
    return int((await board._database.run(lambda connection: connection.execute(query))).scalar_one())


def test_the_tables_stay_small(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 60.0)  # thousands of rows take seconds on a busy machine

    async def work(board: AlertBoard, clock: Clock) -> None:
        for number in range(4):
            many = [dataclasses.replace(DOWN, fingerprint=f"a{number}b{part}") for part in range(MOST // 2)]
            await board.take(f"m{number}", many)
            clock.now += 1
        assert await rows(board, alerts) == 2 * MOST
        assert len(await board.current()) == MOST
        await board.tidy()
        assert await rows(board, alerts) == MOST
        assert {alert["fingerprint"][:2] for alert in await board.current()} == {"a2", "a3"}, "the latest stay"
        assert await rows(board, taken) == 4
        clock.now = NOW + REMEMBERED + 10
        await board.tidy()
        assert (await rows(board, alerts), await rows(board, taken)) == (0, 0)

    with_board(database_url, work)


def test_a_webhook_is_remembered_for_as_long_as_its_signature_holds(database_url: str) -> None:
    async def work(database: Database) -> None:
        clock = Clock()
        window = 30 * 86_400.0
        board = AlertBoard(SETTINGS.model_copy(update={"webhook_timestamp_window": window}), database, clock)
        await board.take("m1", [])
        clock.now = NOW + 2 * window - 1
        await board.tidy()
        assert not await board.take("m1", [])

    on_database(database_url, work)


def test_every_readable_notification_can_be_stored(database_url: str) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        dice = random.Random(7)
        kept = 0
        for number in range(300):
            try:
                told = read(json.dumps(messed_up(dice)).encode())
            except InvalidRequest:
                continue
            assert await board.take(f"m{number}", told.alerts)
            kept += 1
        assert kept > 20
        assert await board.current()

    with_board(database_url, work)


def test_nothing_is_taken_while_the_database_is_down_and_once_afterwards(postgres: PrivatePostgres) -> None:
    async def work(board: AlertBoard, clock: Clock) -> None:
        await board.take("m1", [])
        postgres.stop()
        try:
            with pytest.raises(DatabaseUnavailable):
                await board.take("m2", [DOWN])
        finally:
            await asyncio.to_thread(postgres.start)
        assert await until_taken(board, "m2")
        assert not await board.take("m2", [DOWN])

    with_board(postgres.new_database(), work)
