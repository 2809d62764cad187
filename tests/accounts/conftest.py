"""Fixtures for the tests of accounts: databases, an upstream for services, and a door in front of a database."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from shared.accounts.tokens import Tokens
from shared.stores.database import Database
from workshop.grader.launch import ModelServer, embedded_server
from workshop.postgres_server import PrivatePostgres, programs

T = TypeVar("T")


@pytest.fixture(scope="package")
def postgres() -> Iterator[PrivatePostgres]:
    bin = programs()
    if bin is None:
        pytest.skip("PostgreSQL is not installed here; on Debian: apt-get install postgresql")
    with PrivatePostgres(bin) as server:
        yield server


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    return tmp_path / "accounts.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('sqlite_file')}"
    server: PrivatePostgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(scope="package")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


def on_database(url: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """The result of `work`, which runs in its own event loop and with its own connection to the database."""

    async def run() -> T:
        database = Database(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def make_token(url: str, user: str, role: str | None = None, budget_usd: float | None = None) -> str:
    """A new token, made from outside of the service, as the command line does."""
    return on_database(url, lambda database: Tokens(database).create(user, role, budget_usd)).secret


class Door:
    """Stands in front of a database and makes it slow: queries wait here until a test opens the door."""

    def __init__(self) -> None:
        self._shut: asyncio.Event | None = None
        self.waiting = 0

    def shut(self) -> None:
        self._shut = asyncio.Event()

    def open(self) -> None:
        assert self._shut is not None
        self._shut.set()
        self._shut = None

    async def pass_through(self) -> None:
        if self._shut is None:
            return
        self.waiting += 1
        try:
            await self._shut.wait()
        finally:
            self.waiting -= 1
