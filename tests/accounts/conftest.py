"""What the tests of accounts stand on: databases, a service with accounts, and HTTP without a client's manners."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from shared.accounts.tokens import Tokens
from shared.stores.database import Database
from tests.accounts.postgres import PrivatePostgres, programs
from workshop.grader.launch import ModelServer, embedded_server

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
    """What `work` returns, in an event loop and with a database of its own."""

    async def run() -> T:
        database = Database(url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def make_token(url: str, user: str, role: str | None = None, budget_usd: float | None = None) -> str:
    """A new token, as the command line makes it: from outside of the service."""
    return on_database(url, lambda database: Tokens(database).create(user, role, budget_usd)).secret


class Door:
    """In front of a slow database: whatever is asked waits here until a test opens it."""

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
