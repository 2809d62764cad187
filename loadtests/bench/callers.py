"""Many callers, written into the database of a service at once: 100,000 take a few seconds.

In: the database's URL and a number. Out: the token of each caller. Each is a user of its own.
"""

import secrets
import time
from collections.abc import Sequence
from functools import partial

import uvloop
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.accounts.tokens import ID_PREFIX, PREFIX, RANDOM_BYTES, ROLES, digest_of
from shared.stores.database import Database
from shared.stores.tables import tokens, users

AT_ONCE = 5_000  # rows per transaction; the database must answer within a second or two


def make_callers(url: str, count: int) -> list[str]:
    """The tokens of `count` new users. Raises DatabaseUnavailable."""
    return uvloop.run(_make(Database(url), count))


async def _make(database: Database, count: int) -> list[str]:
    made: list[str] = []
    try:
        while len(made) < count:
            fresh = [PREFIX + secrets.token_urlsafe(RANDOM_BYTES) for _ in range(min(AT_ONCE, count - len(made)))]
            await database.run(partial(_write, fresh, len(made)))
            made += fresh
    finally:
        await database.close()
    return made


async def _write(fresh: Sequence[str], first: int, connection: AsyncConnection) -> None:
    now = time.time()
    names = [f"caller-{first + number}" for number in range(len(fresh))]
    await connection.execute(
        users.insert(), [{"name": name, "role": ROLES[0], "budget_micro_usd": None, "created": now} for name in names]
    )
    await connection.execute(
        tokens.insert(),
        [
            {"id": ID_PREFIX + secrets.token_hex(6), "user": name, "hash": digest_of(secret), "created": now}
            for name, secret in zip(names, fresh, strict=True)
        ],
    )
