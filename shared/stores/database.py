"""One SQL database, SQLite or PostgreSQL, that may be gone: then its users hear DatabaseUnavailable, soon.

In: pieces of work, each run in one transaction. Out: their results. The tables are made on first use, and made again if
the file was taken away. Knows nothing of tokens or usage.
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
BUSY_MILLISECONDS = 1500  # that a writer of SQLite waits for another one
PROBE_EVERY = 1.0  # seconds; between two looks at a database that is gone, nobody waits for it
SCHEMA_LOCK = 0x776B  # any number that nobody else locks in this PostgreSQL database

# asyncpg's own errors come through bare when no connection can be made.
FAULTS = (DBAPIError, PoolTimeout, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

database_up = Gauge("database_up", "1 while the database of tokens and usage answers", multiprocess_mode="livemin")


class Database:
    """Raises BadSetting for a URL that nobody could connect to."""

    def __init__(self, url: str) -> None:
        parsed = parse_database_url(url)
        self.dialect = parsed.get_backend_name()
        self.name = parsed.set(drivername=self.dialect).render_as_string(hide_password=True)
        self._engine = _sqlite(parsed) if parsed.drivername == SQLITE else _postgresql(parsed)
        self._schema_exists = False
        self._creating = asyncio.Lock()
        self._patience = LoopTimeout(PATIENCE)  # what a busy process needs for itself is not the database's fault
        self.up = True
        self._next_probe = 0.0
        self.fault = ""  # why it did not answer last; may name hosts: for logs, not for callers

    async def open(self) -> None:
        """Never fails: a service starts without its database, refuses tokens with 503, and recovers."""
        database_up.set(1)
        with contextlib.suppress(DatabaseUnavailable):  # it has been logged
            await self.run(_nothing)

    async def close(self) -> None:
        await self._engine.dispose()

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` returns, done in one transaction.

        Raises DatabaseUnavailable: soon after PATIENCE the first time, and then at once, but for one try a second.
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
            self._schema_exists = False  # what comes back may be an empty one
            self._lost(_one_line(fault))
            raise DatabaseUnavailable("the database does not answer", retry_after=1) from fault
        except BaseException:  # the caller gave up, or the work did not like what it read: ask again next time
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
                    # Readers and a writer do not block each other. The mode stays with the file.
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
    # A connection for each piece of work: half a millisecond more, but a file that was moved, restored or deleted under
    # us is noticed, where an open handle would go on with a file that is gone.
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
    # No time-outs here: Database.run has one for the whole of a piece of work, waiting for a connection included.
    return create_async_engine(
        url,
        pool_size=5,
        max_overflow=0,
        pool_pre_ping=True,  # a restarted server costs nobody an error
    )


async def _nothing(connection: AsyncConnection) -> None:
    return None


def _one_line(fault: BaseException) -> str:
    cause = fault.orig if isinstance(fault, DBAPIError) and fault.orig is not None else fault
    said = str(cause).splitlines()
    return said[0] if said else type(cause).__name__
