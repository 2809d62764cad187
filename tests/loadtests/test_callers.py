"""Many callers are made at once, and each of them is known to the service."""

import asyncio
from pathlib import Path

import uvloop

from loadtests.bench import callers
from loadtests.bench.callers import make_callers
from shared.accounts.tokens import WELL_FORMED, Tokens, digest_of
from shared.pipeline.call import Caller
from shared.stores.database import Database


def test_each_token_is_of_a_caller_of_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'workshop.db'}"
    made = make_callers(url, 2 * callers.AT_ONCE + 1)
    assert len(set(made)) == 2 * callers.AT_ONCE + 1
    assert all(WELL_FORMED.fullmatch(secret) for secret in made)
    looked_up = [made[number] for number in (0, callers.AT_ONCE, -1)]
    known = uvloop.run(known_as(url, looked_up))
    assert [caller and caller.user for caller in known] == ["caller-0", "caller-5000", "caller-10000"]


async def known_as(url: str, secrets: list[str]) -> list[Caller | None]:
    database = Database(url)
    try:
        tokens = Tokens(database)
        return list(await asyncio.gather(*(tokens.caller(digest_of(secret)) for secret in secrets)))
    finally:
        await database.close()
