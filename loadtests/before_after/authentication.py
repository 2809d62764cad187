"""What it costs to find out who is calling: a new connection for each check, an empty cache of tokens, a warm one.

`python -m loadtests.before_after.authentication DATABASE_URL` measures in its own process, and prints JSON. In: a
database. Out: milliseconds, median and 99th percentile of each way. Each check is of another token, and no two run at
the same time. `measured` runs it on the measured core, with a PostgreSQL of its own on the other one, or SQLite if
there is none.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import NullPool, select
from sqlalchemy.ext.asyncio import create_async_engine

from loadtests.bench.cores import MEASURED
from loadtests.gate import percentile
from shared.accounts.accounts import Accounts
from shared.accounts.tokens import Tokens, digest_of
from shared.settings import Settings
from shared.stores.database_url import parse_database_url
from shared.stores.tables import tokens, users
from workshop.postgres_server import PrivatePostgres, programs
from workshop.processes import ROOT, CannotStart, child_environment

CALLERS = 300
EACH_CONNECTING = "a new connection for each check"
EMPTY = "an empty cache, and a pool of connections"
WARM = "a warm cache"

Check = Callable[[str], Awaitable[object]]


def measured(folder: Path, callers: int = CALLERS) -> dict[str, Any]:
    """The results of `measure`, with the `database` that was behind it. Raises CannotStart."""
    with database(folder) as (name, url):
        command = [
            "taskset",
            "--cpu-list",
            str(MEASURED),
            sys.executable,
            "-m",
            "loadtests.before_after.authentication",
        ]
        done = subprocess.run(
            [*command, url, "--callers", str(callers)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=child_environment(),
            check=False,
        )
    if done.returncode:
        raise CannotStart(f"the authentication was not measured: {done.stderr.strip()}")
    return {"database": name, "callers": callers, "ways": json.loads(done.stdout)}


@contextmanager
def database(folder: Path) -> Iterator[tuple[str, str]]:
    """The name and the URL of an empty database: PostgreSQL's if it is installed."""
    if found := programs():
        with PrivatePostgres(found) as server:
            yield "PostgreSQL", server.new_database()
    else:
        yield "SQLite", f"sqlite:///{folder / 'authentication.db'}"


async def measure(url: str, callers: int) -> list[dict[str, Any]]:
    """Each way, first one, then the next."""
    accounts = Accounts(Settings(database_url=url))
    for resource in accounts.resources:
        await resource.open()
    try:
        secrets = [(await Tokens(accounts.database).create(f"caller-{number}")).secret for number in range(callers)]

        async def identify(secret: str) -> object:
            return await accounts.authenticator.identify({"authorization": f"Bearer {secret}"}, "127.0.0.1")

        return [
            await _timed(EACH_CONNECTING, _connecting(url), secrets),
            await _timed(EMPTY, identify, secrets),
            await _timed(WARM, identify, secrets),
        ]
    finally:
        for resource in reversed(accounts.resources):
            await resource.close()


def _connecting(url: str) -> Check:
    """As a first version does it: connect, ask, close."""
    engine = create_async_engine(parse_database_url(url), poolclass=NullPool)

    async def check(secret: str) -> object:
        async with engine.connect() as connection:
            query = select(users.c.name).join_from(tokens, users).where(tokens.c.hash == digest_of(secret))
            return (await connection.execute(query)).one()

    return check


async def _timed(name: str, check: Check, secrets: list[str]) -> dict[str, Any]:
    times = []
    for secret in secrets:
        began = time.perf_counter()
        await check(secret)
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return {"name": name, "p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m loadtests.before_after.authentication")
    parser.add_argument("url", help="sqlite:///FILE or postgresql://…")
    parser.add_argument("--callers", type=int, default=CALLERS)
    options = parser.parse_args()
    print(json.dumps(uvloop.run(measure(options.url, options.callers))))
