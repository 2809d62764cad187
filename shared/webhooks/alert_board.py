"""The board of alerts, one for all workers: the alerts that fire, those that have stopped, and the accepted webhooks.

In: verified webhooks, each with its alerts. Out: whether the webhook was new, and the current alerts. Each webhook is
accepted once: its id and its changes are one transaction. Knows nothing of HTTP.
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
REMEMBERED = 4 * 86_400.0  # seconds; senders that follow the specification's schedule retry for 76 hours
SILENT = 25 * 3_600.0  # seconds without news until an alert is no longer believed; senders repeat within a day
SHOWN_RESOLVED = 3_600.0  # seconds that a resolved alert stays on the board
LOOK_EVERY = 2.0  # seconds until this worker sees what other workers accepted
TIDY_EVERY = 30  # looks

FIELDS = ("fingerprint", "name", "severity", "status", "summary", "starts", "ends", "updated")

alerts_firing = Gauge("gateway_alerts_firing", "Firing alerts, as reported by webhooks", multiprocess_mode="mostrecent")


class AlertBoard:
    """Opened after its database and closed before it. Runs no task of its own if webhooks are off."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self.used = bool(settings.webhook_hmac_secret.get_secret_value())
        # A webhook whose clock is a whole window ahead stays valid for two windows, and must not be accepted again.
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
            await asyncio.wait([self._looking])

    async def take(self, id: str, told: Sequence[Alert]) -> bool:
        """Put the alerts of webhook `id` on the board; False, and no change, if it was accepted before.

        Raises DatabaseUnavailable: then it is not accepted, and its sender should send it again.
        """
        now = self._clock()
        remember = upsert(self._database.dialect, taken).values(id=id, expires=now + self._remembered)
        # In one order everywhere: two workers that lock the same rows in PostgreSQL must not deadlock.
        rows = [_row(alert, now) for alert in sorted(told, key=lambda alert: alert.fingerprint)]

        async def act(connection: AsyncConnection) -> list[str] | None:
            # First of all: another worker with the same id waits here until we have committed.
            if not (await connection.execute(remember.on_conflict_do_nothing())).rowcount:
                return None
            if rows:
                await connection.execute(self._put, rows)
            return await _firing(connection, now)

        async with self._taking:  # one writer per process at a time, so that a burst is no strain on the database
            firing = await self._database.run(act)
        if firing is not None:
            self._show(firing)
        return firing is not None

    async def current(self) -> list[dict[str, Any]]:
        """Firing alerts before resolved ones, and the latest of each first. Raises DatabaseUnavailable."""
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
        """Read what other workers accepted. Raises DatabaseUnavailable."""
        self._show(await self._database.run(lambda connection: _firing(connection, self._clock())))

    async def tidy(self) -> None:
        """Delete what has expired, and the alerts over MOST. Raises DatabaseUnavailable."""
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
            with contextlib.suppress(DatabaseUnavailable):  # already logged
                await self.look()
                if looks % TIDY_EVERY == 0:
                    await self.tidy()
            looks += 1
            await asyncio.sleep(LOOK_EVERY)


def _row(alert: Alert, now: float) -> dict[str, Any]:
    # A webhook that arrives after its alert's own `ends` reports an alert that is over.
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
    """Webhooks may come late and out of order: a report older than the one on the board changes nothing.

    Of two reports on one alert, the later start is newer; with the same start, `resolved` is newer than `firing`.
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
