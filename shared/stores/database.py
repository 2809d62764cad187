"""One SQL database, SQLite or PostgreSQL. While it is gone, work fails soon with DatabaseUnavailable.

In: pieces of work, each run in one transaction. Out: their results. The tables are created on first use, and created
again if the file was removed. Knows nothing of tokens or usage.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg
from prometheus_client import Gauge
from sqlalchemy import NullPool, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from shared.pipeline.errors import DatabaseUnavailable
from shared.stores.database_url import SQLITE, parse_database_url
from shared.stores.loop_timeout import LoopTimeout
from shared.stores.tables import metadata

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 2.0  # seconds for a whole piece of work; a healthy database takes a few thousandths
BUSY_MILLISECONDS = 1500  # that one SQLite writer waits for another
PROBE_EVERY = 1.0  # seconds between probes of a lost database; in between, no call waits for it
SCHEMA_LOCK = 0x776B  # any number that nobody else locks in this PostgreSQL database

# asyncpg's own errors are not wrapped when no connection can be made.
FAULTS = (DBAPIError, PoolTimeout, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

database_up = Gauge("database_up", "1 while the database of tokens and usage answers", multiprocess_mode="livemin")


class Database:
    """Raises BadSetting for a URL that can never work."""

    def __init__(self, url: str) -> None:
        parsed = parse_database_url(url)
        self.dialect = parsed.get_backend_name()
        self.name = parsed.set(drivername=self.dialect).render_as_string(hide_password=True)
        self._engine = _sqlite(parsed) if parsed.drivername == SQLITE else _postgresql(parsed)
        self._schema_exists = False
        self._creating = asyncio.Lock()
        self._patience = LoopTimeout(PATIENCE)  # a busy process must not blame the database
        self.up = True
        self._next_probe = 0.0
        self.fault = ""  # the last reason for no answer; may name hosts: for logs, not for callers

    async def open(self) -> None:
        """Never fails: a service starts without its database, refuses tokens with 503, and recovers."""
        database_up.set(1)
        with contextlib.suppress(DatabaseUnavailable):  # it has been logged
            await self.run(_nothing)

    async def close(self) -> None:
        await self._engine.dispose()

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """The result of `work`, run in one transaction.

        Raises DatabaseUnavailable: the first time soon after PATIENCE, then at once, except for one try per second.
        """
        if not self.up:
            if time.monotonic() < self._next_probe:
                raise DatabaseUnavailable("the database does not answer", retry_after=1)
            self._next_probe = math.inf  # one try at a time
        try:
            async with self._patience.wait():
                await self._create_schema()
                async with self._engine.begin() as connection:
                    result = await work(connection)
        except FAULTS as fault:
            self._schema_exists = False  # the database that comes back may be empty
            self._lost(_one_line(fault))
            raise DatabaseUnavailable("the database does not answer", retry_after=1) from fault
        except BaseException:  # the caller gave up, or the work failed on its own: try again next time
            self._next_probe = 0.0
            raise
        self._found()
        return result

    async def _create_schema(self) -> None:
        if self._schema_exists:
            return
        async with self._creating:
            async with self._engine.begin() as connection:
                if self.dialect == "sqlite":
                    # WAL: readers and a writer do not block each other. The mode is stored in the file.
                    await connection.execute(text("PRAGMA journal_mode = WAL"))
                else:
                    # IF NOT EXISTS alone lets two workers that start together collide in PostgreSQL's catalogue.
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})"))
                for table in metadata.sorted_tables:
                    await connection.execute(CreateTable(table, if_not_exists=True))
                    for index in table.indexes:
                        await connection.execute(CreateIndex(index, if_not_exists=True))
            self._schema_exists = True

    def _lost(self, reason: str) -> None:
        self.fault = reason
        self._next_probe = time.monotonic() + PROBE_EVERY
        if self.up:
            self.up = False
            database_up.set(0)
            log.error("the database %s does not answer: %s", self.name, reason)

    def _found(self) -> None:
        if not self.up:
            self.up = True
            database_up.set(1)
            log.warning("the database is back: %s", self.name)


def _sqlite(url: URL) -> AsyncEngine:
    # One connection per piece of work costs half a millisecond more, but notices a file that was moved, restored or
    # deleted. An open handle would continue to use the file that is gone.
    engine = create_async_engine(url, poolclass=NullPool)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        cursor.execute(
            "PRAGMA synchronous = NORMAL"
        )  # with WAL: survives kill -9; a power cut may take the last second
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    return engine


def _postgresql(url: URL) -> AsyncEngine:
    # No time-outs here: Database.run has one for a whole piece of work, including the wait for a connection.
    return create_async_engine(
        url,
        pool_size=5,
        max_overflow=0,
        pool_pre_ping=True,  # no call fails after the server restarts
    )


async def _nothing(connection: AsyncConnection) -> None:
    return None


def _one_line(fault: BaseException) -> str:
    cause = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    said = str(cause).splitlines()
    return said[0] if said else type(cause).__name__
