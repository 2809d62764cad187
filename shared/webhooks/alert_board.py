"""The board of alerts, one for all workers: who fires, who has stopped, and which webhooks said so.

In: webhooks that are believed, each with its alerts. Out: whether it was news, and the alerts as they stand. What is
taken is taken once: the webhook's id and what it changes are one transaction. Knows nothing of HTTP.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.pipeline.errors import DatabaseUnavailable
from shared.settings import Settings
from shared.stores.database import Database
from shared.stores.upsert import upsert
from shared.webhooks.notification import FIRING, RESOLVED, Alert
from shared.webhooks.tables import alerts, taken

MOST = 500  # alerts on the board
REMEMBERED = 4 * 86_400.0  # seconds; senders who follow the specification's schedule try again for 76 hours
SILENT = 25 * 3_600.0  # seconds without a word until an alert is no longer believed; senders repeat within a day
SHOWN_RESOLVED = 3_600.0  # seconds that an alert which has stopped is still on the board
LOOK_EVERY = 2.0  # seconds; what other workers took is known here that soon
TIDY_EVERY = 30  # looks

FIELDS = ("fingerprint", "name", "severity", "status", "summary", "starts", "ends", "updated")

alerts_firing = Gauge("gateway_alerts_firing", "Alerts that fire, as webhooks told", multiprocess_mode="mostrecent")


class AlertBoard:
    """Opened after its database and closed before it. Does not look after itself where no webhooks are taken."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self.used = bool(settings.webhook_hmac_secret.get_secret_value())
        # Also a webhook from the far end of the window of a clock that is ahead must not come again.
        self._remembered = max(REMEMBERED, 2 * settings.webhook_timestamp_window)
        self._clock = clock
        self._taking = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self.firing: Sequence[str] = ()  # names, each once, as of the last look
        self._put = _put(database.dialect)

    async def open(self) -> None:
        if self.used:
            self._looking = asyncio.create_task(self._keep_looking())

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    async def take(self, id: str, told: Sequence[Alert]) -> bool:
        """Put the alerts of webhook `id` on the board; False, and nothing done, if it has been taken before.

        Raises DatabaseUnavailable: then it is not taken, and its sender had better send it again.
        """
        now = self._clock()
        remember = upsert(self._database.dialect, taken).values(id=id, expires=now + self._remembered)
        # In one order everywhere: two workers that lock the same rows in PostgreSQL must not wait for each other.
        rows = [_row(alert, now) for alert in sorted(told, key=lambda alert: alert.fingerprint)]

        async def act(connection: AsyncConnection) -> list[str] | None:
            # First of all: whoever else brings this id waits here until we have committed.
            if not (await connection.execute(remember.on_conflict_do_nothing())).rowcount:
                return None
            if rows:
                await connection.execute(self._put, rows)
            return await _firing(connection, now)

        async with self._taking:  # one writer of this process at a time, so that a crowd is no strain on the database
            firing = await self._database.run(act)
        if firing is not None:
            self._show(firing)
        return firing is not None

    async def current(self) -> list[dict[str, Any]]:
        """Those that fire first, then the latest. Raises DatabaseUnavailable."""
        query = (
            select(*(alerts.c[name] for name in FIELDS))
            .where(alerts.c.expires > self._clock())
            .order_by(alerts.c.status, alerts.c.updated.desc(), alerts.c.fingerprint)
            .limit(MOST)
        )

        async def read(connection: AsyncConnection) -> list[dict[str, Any]]:
            return [dict(zip(FIELDS, row, strict=True)) for row in await connection.execute(query)]

        return await self._database.run(read)

    async def look(self) -> None:
        """Learn what others took. Raises DatabaseUnavailable."""
        self._show(await self._database.run(lambda connection: _firing(connection, self._clock())))

    async def tidy(self) -> None:
        """Forget what is over, and what is too much. Raises DatabaseUnavailable."""
        now = self._clock()
        too_many = select(alerts.c.fingerprint).order_by(alerts.c.status, alerts.c.updated.desc()).offset(MOST)
        over = select(alerts.c.fingerprint).where(alerts.c.expires <= now)

        async def forget(connection: AsyncConnection) -> None:
            await connection.execute(delete(taken).where(taken.c.expires <= now))
            victims = {row[0] for query in (over, too_many) for row in await connection.execute(query)}
            for victim in sorted(victims):
                await connection.execute(delete(alerts).where(alerts.c.fingerprint == victim, alerts.c.updated < now))

        await self._database.run(forget)

    def _show(self, firing: Sequence[str]) -> None:
        alerts_firing.set(len(firing))
        self.firing = sorted(set(firing))

    async def _keep_looking(self) -> None:
        looks = 0
        while True:
            with contextlib.suppress(DatabaseUnavailable):  # it has been logged
                await self.look()
                if looks % TIDY_EVERY == 0:
                    await self.tidy()
            looks += 1
            await asyncio.sleep(LOOK_EVERY)


def _row(alert: Alert, now: float) -> dict[str, Any]:
    # A letter that came later than the time that it gives its alert tells of one that is over.
    over = alert.status == RESOLVED or (alert.ends is not None and alert.ends <= now)
    silent = now + SILENT
    return {
        "fingerprint": alert.fingerprint,
        "name": alert.name,
        "severity": alert.severity,
        "status": RESOLVED if over else FIRING,
        "summary": alert.summary,
        "starts": now if alert.starts is None else min(alert.starts, now),
        "ends": min(alert.ends or now, now) if over else None,
        "updated": now,
        "expires": now + SHOWN_RESOLVED if over else min(alert.ends or silent, silent),
    }


def _put(dialect: str) -> Any:
    """Webhooks may come late and out of order: what is older than what the board shows changes nothing.

    Of one alert, one that started later is newer; of the same start, that it has stopped is newer than that it fires.
    """
    insert = upsert(dialect, alerts)
    new = insert.excluded
    same = and_(new.starts == alerts.c.starts, or_(new.status == RESOLVED, alerts.c.status == FIRING))
    return insert.on_conflict_do_update(
        index_elements=[alerts.c.fingerprint],
        set_={column.name: new[column.name] for column in alerts.c if not column.primary_key},
        where=or_(new.starts > alerts.c.starts, same),
    )


async def _firing(connection: AsyncConnection, now: float) -> list[str]:
    query = select(alerts.c.name).where(alerts.c.status == FIRING, alerts.c.expires > now).limit(MOST)
    return [row.name for row in await connection.execute(query)]
