"""The database: the first user creates it, a bad URL gets a clear error, and an outage is noticed soon."""

import asyncio
import contextlib
import multiprocessing
import sqlite3
import time
from pathlib import Path

import pytest

from shared.accounts.tokens import Tokens
from shared.pipeline.errors import DatabaseUnavailable
from shared.settings import BadSetting
from shared.stores.database import PATIENCE, Database
from tests.accounts.conftest import on_database
from tests.waiting import Stopwatch, wait_asking
from workshop.postgres_server import PrivatePostgres

WORKERS = 4
CLOSING = 2.0  # seconds that SQLAlchemy allows for closing a connection


async def until_it_is_back(database: Database) -> None:
    async def up() -> bool:
        with contextlib.suppress(DatabaseUnavailable):
            await Tokens(database).records()
        return database.up

    await wait_asking(up, lambda: database.fault)


def create_a_token(url: str, number: int, start: "multiprocessing.synchronize.Barrier") -> None:
    start.wait()
    on_database(url, lambda database: Tokens(database).create(f"worker-{number}"))


@pytest.mark.prove
def test_workers_that_start_at_once_on_an_empty_database_all_get_their_tables(database_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(WORKERS)
    workers = [spawn.Process(target=create_a_token, args=(database_url, number, start)) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    records = on_database(database_url, lambda database: Tokens(database).records())
    assert {record.user for record in records} == {f"worker-{number}" for number in range(WORKERS)}


def test_sqlite_lets_readers_and_a_writer_work_side_by_side(sqlite_file: Path) -> None:
    on_database(f"sqlite:///{sqlite_file}", lambda database: database.open())
    assert sqlite3.connect(sqlite_file).execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_writer_waits_for_another_one(sqlite_file: Path) -> None:
    url = f"sqlite:///{sqlite_file}"
    on_database(url, lambda database: database.open())
    other = sqlite3.connect(sqlite_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def create_while_locked(database: Database) -> None:
        creating = asyncio.create_task(Tokens(database).create("ana"))
        done, _ = await asyncio.wait([creating], timeout=0.2)
        assert not done
        other.execute("COMMIT")
        await creating

    on_database(url, create_while_locked)


def test_a_file_that_was_deleted_is_made_again(sqlite_file: Path) -> None:
    async def work(database: Database) -> list[str]:
        await Tokens(database).create("ana")
        for file in sqlite_file.parent.iterdir():
            file.unlink()
        with pytest.raises(DatabaseUnavailable):
            await Tokens(database).records()
        await until_it_is_back(database)
        await Tokens(database).create("bob")
        return [record.user for record in await Tokens(database).records()]

    assert on_database(f"sqlite:///{sqlite_file}", work) == ["bob"]


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("workshop.db", "is not a URL"),
        ("", "is not a URL"),
        ("mysql://root:secret@db/x", "mysql:// is not known here"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////nowhere/at/all/x.db", "there is no directory /nowhere/at/all"),
        ("sqlite:////tmp", "/tmp is a directory"),
        ("sqlite:///x.db?mode=ro", "mode is not an option here"),
        ("postgresql://ana:secret@db/x?foo=1", "foo is not an option here"),
        ("postgresql://ana:secret@db:port/x", "is not a URL"),
    ],
)
def test_a_bad_url_is_one_line_without_the_password(url: str, complaint: str) -> None:
    with pytest.raises(BadSetting) as bad:
        Database(url)
    assert str(bad.value).startswith("DATABASE_URL: ")
    assert complaint in str(bad.value)
    assert "secret" not in str(bad.value)
    assert "\n" not in str(bad.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_postgresql_may_be_spelled_as_hosting_companies_do(scheme: str) -> None:
    database = Database(f"{scheme}://ana:secret@db.example/x?sslmode=require")
    assert database.name == "postgresql://ana:***@db.example/x?ssl=require"


def test_a_stopped_postgresql_is_unavailable_and_used_again_when_it_is_back(postgres: PrivatePostgres) -> None:
    async def work(database: Database) -> None:
        await Tokens(database).create("ana")
        postgres.stop()
        try:
            with pytest.raises(DatabaseUnavailable):
                await Tokens(database).records()
            assert not database.up
        finally:
            await asyncio.to_thread(postgres.start)
        await until_it_is_back(database)
        assert len(await Tokens(database).records()) == 1

    on_database(postgres.new_database(), work)


def test_a_process_that_is_busy_itself_does_not_take_its_database_for_dead(database_url: str) -> None:
    async def work(database: Database) -> None:
        asked = asyncio.create_task(Tokens(database).records())
        await asyncio.sleep(0)
        busy_until = time.monotonic() + PATIENCE + 0.5
        while time.monotonic() < busy_until:
            pass
        assert await asked == []

    on_database(database_url, work)


def test_a_frozen_postgresql_is_unavailable_soon_and_then_at_once(postgres: PrivatePostgres) -> None:
    async def work(database: Database) -> None:
        await Tokens(database).create("ana")
        postgres.freeze()
        try:
            stopwatch = Stopwatch()
            with pytest.raises(DatabaseUnavailable):
                await Tokens(database).records()
            assert stopwatch.seconds < PATIENCE + CLOSING + 1
            stopwatch = Stopwatch()
            for _ in range(100):
                with pytest.raises(DatabaseUnavailable):
                    await Tokens(database).records()
            assert stopwatch.seconds < 0.5, "nobody waits for a database that is known to be down"
        finally:
            postgres.thaw()
        await until_it_is_back(database)
        assert len(await Tokens(database).records()) == 1

    on_database(postgres.new_database(), work)


def test_a_postgresql_without_our_database_is_unavailable(postgres: PrivatePostgres) -> None:
    url = postgres.new_database() + "_not"

    async def work(database: Database) -> str:
        with pytest.raises(DatabaseUnavailable):
            await Tokens(database).records()
        return database.fault

    assert "does not exist" in on_database(url, work)
