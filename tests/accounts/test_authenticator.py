"""Authentication, and how rarely it asks the database."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.accounts import authenticator as module
from shared.accounts.address import ClientAddress
from shared.accounts.authenticator import MOST_UNKNOWN, Authenticator
from shared.accounts.tokens import Tokens, UnknownName, digest_of
from shared.pipeline.call import Caller
from shared.pipeline.errors import DatabaseUnavailable, Unauthorized
from shared.stores.database import Database
from tests.accounts.conftest import Door
from tests.waiting import wait_asking, wait_on_loop

T = TypeVar("T")

PEER = "192.0.2.7"
HITS = 20_000


class CountedDatabase(Database):
    """Counts the queries; with `gone`, each fails."""

    asked = 0
    gone = False

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.door = Door()

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        self.asked += 1
        await self.door.pass_through()
        if self.gone:
            raise DatabaseUnavailable("gone")
        return await super().run(work)


class Stand:
    """An authenticator on its own database."""

    def __init__(self, url: str, *, required: bool = False, cache_ttl: float = 300.0) -> None:
        self.database = CountedDatabase(url)
        self.tokens = Tokens(self.database)
        self.authenticator = Authenticator(self.tokens, ClientAddress(), required=required, cache_ttl=cache_ttl)

    async def identify(self, token: str | None) -> Caller:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return await self.authenticator.identify(headers, PEER)

    async def refuses(self, token: str) -> bool:
        try:
            await self.identify(token)
        except Unauthorized:
            return True
        return False


def play(stand: Stand, play: Callable[[Stand], Awaitable[None]]) -> None:
    async def run() -> None:
        await stand.authenticator.open()
        try:
            await play(stand)
        finally:
            await stand.authenticator.close()
            await stand.database.close()

    asyncio.run(run())


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def stand(database_url: str) -> Stand:
    return Stand(database_url)


def forged() -> str:
    """A well-formed token that nobody owns."""
    return "wk_" + "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=43))


def test_a_token_identifies_the_caller(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        ana = await stand.tokens.create("ana", budget_usd=1.5)
        root = await stand.tokens.create("root", role="admin")
        assert await stand.identify(ana.secret) == Caller("user:ana", user="ana", role="user", budget_usd=1.5)
        assert await stand.identify(root.secret) == Caller("user:root", user="root", role="admin", budget_usd=None)

    play(stand, check)


def test_a_second_token_is_for_the_same_user_and_keeps_role_and_budget_unless_told(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        first = await stand.tokens.create("ana", role="admin", budget_usd=5)
        second = await stand.tokens.create("ana")
        assert await stand.identify(first.secret) == await stand.identify(second.secret)
        third = await stand.tokens.create("ana", role="user", budget_usd=0)
        assert await stand.identify(third.secret) == Caller("user:ana", user="ana", role="user", budget_usd=0.0)

    play(stand, check)


def test_no_token_is_kept_in_the_database(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        token = await stand.tokens.create("ana")

        async def everything(connection: AsyncConnection) -> str:
            rows = [await connection.exec_driver_sql(f"SELECT * FROM {table}") for table in ("users", "tokens")]
            return repr([tuple(map(bytes_or_text, row)) for result in rows for row in result])

        kept = await stand.database.run(everything)
        assert digest_of(token.secret).hex() in kept
        assert token.secret not in kept
        assert token.secret.removeprefix("wk_") not in kept

    play(stand, check)


def bytes_or_text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def test_without_a_token_or_as_anonymous_the_caller_is_an_address(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        assert await stand.identify(None) == await stand.identify("anonymous") == Caller(f"ip:{PEER}")
        assert stand.database.asked == 0

    play(stand, check)


def test_strangers_are_refused_where_a_token_is_required(url: str) -> None:
    async def check(stand: Stand) -> None:
        ana = await stand.identify((await stand.tokens.create("ana")).secret)
        stand.authenticator.admit(ana)
        for stranger in (await stand.identify(None), await stand.identify("anonymous")):
            with pytest.raises(Unauthorized, match="a token is required"):
                stand.authenticator.admit(stranger)

    play(Stand(url, required=True), check)


def test_a_verified_token_is_not_looked_up_again(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        token = (await stand.tokens.create("ana")).secret
        await stand.identify(token)
        asked = stand.database.asked
        started = time.perf_counter()
        for _ in range(HITS):
            await stand.identify(token)
        print(f"a cached hit takes {(time.perf_counter() - started) / HITS * 1e6:.2f} µs")
        assert stand.database.asked == asked

    play(stand, check)


def test_cached_tokens_work_while_the_database_is_down_and_others_get_503(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        known, new = [(await stand.tokens.create("ana")).secret for _ in range(2)]
        await stand.identify(known)
        stand.database.gone = True
        assert (await stand.identify(known)).user == "ana"
        for token in (new, forged()):
            with pytest.raises(DatabaseUnavailable):
                await stand.identify(token)
        stand.database.gone = False
        assert (await stand.identify(new)).user == "ana"

    play(stand, check)


def test_without_a_cache_every_call_asks_and_a_revoked_token_ends_at_once(url: str) -> None:
    async def check(stand: Stand) -> None:
        token = (await stand.tokens.create("ana")).secret
        asked = stand.database.asked
        for _ in range(3):
            await stand.identify(token)
        assert stand.database.asked == asked + 3
        await stand.tokens.revoke("ana")  # by another process
        assert await stand.refuses(token)

    play(Stand(url, cache_ttl=0), check)


def test_a_token_revoked_elsewhere_ends_when_its_time_is_over(url: str) -> None:
    async def check(stand: Stand) -> None:
        token = (await stand.tokens.create("ana")).secret
        await stand.identify(token)
        await stand.tokens.revoke("ana")
        await wait_asking(lambda: stand.refuses(token), "a revoked token leaves the cache")

    play(Stand(url, cache_ttl=0.3), check)


def test_a_token_revoked_here_ends_at_once(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        first, second = await stand.tokens.create("ana"), await stand.tokens.create("ana")
        await stand.identify(first.secret)
        await stand.identify(second.secret)
        assert await stand.authenticator.revoke(first.id) == 1
        assert await stand.refuses(first.secret)
        assert not await stand.refuses(second.secret)
        assert await stand.authenticator.revoke("ana") == 1
        assert await stand.refuses(second.secret)
        assert await stand.authenticator.revoke("ana") == 0
        with pytest.raises(UnknownName):
            await stand.authenticator.revoke("nobody")

    play(stand, check)


def test_a_pending_look_up_does_not_restore_a_revoked_token(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        token = (await stand.tokens.create("ana")).secret
        ask = stand.tokens.caller
        read, go_on = asyncio.Event(), asyncio.Event()
        looked_up: list[bytes] = []

        async def slow(digest: bytes) -> Caller | None:
            caller = await ask(digest)
            looked_up.append(digest)
            read.set()
            await go_on.wait()
            return caller

        stand.tokens.caller = slow  # type: ignore[method-assign]
        asking = asyncio.create_task(stand.identify(token))
        await read.wait()
        revoking = asyncio.create_task(stand.authenticator.revoke("ana"))

        async def revoked() -> bool:
            return await ask(looked_up[0]) is None

        await wait_asking(revoked, "the token is revoked in the database")
        go_on.set()
        await asking
        await revoking
        stand.tokens.caller = ask  # type: ignore[method-assign]
        assert await stand.refuses(token)

    play(stand, check)


def test_a_hundred_calls_with_one_new_token_ask_once(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        token = (await stand.tokens.create("ana")).secret
        asked = stand.database.asked
        stand.database.door.shut()
        asking = [asyncio.create_task(stand.identify(token)) for _ in range(100)]
        await wait_on_loop(lambda: stand.database.door.waiting == 1)
        for _ in range(20):  # the others reach the database too, if they may
            await asyncio.sleep(0)
        stand.database.door.open()
        callers = await asyncio.gather(*asking)
        assert {caller.user for caller in callers} == {"ana"}
        assert stand.database.asked == asked + 1

    play(stand, check)


def test_the_first_caller_may_leave_without_harm_to_the_others(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        token = (await stand.tokens.create("ana")).secret
        stand.database.door.shut()
        first, second = (asyncio.create_task(stand.identify(token)) for _ in range(2))
        await wait_on_loop(lambda: stand.database.door.waiting == 1)
        first.cancel()
        await asyncio.wait([first])
        stand.database.door.open()
        assert (await second).user == "ana"

    play(stand, check)


def test_each_call_gets_an_error_of_its_own(stand: Stand) -> None:
    async def check(stand: Stand) -> None:
        stand.database.gone = True
        stand.database.door.shut()
        token = forged()
        asking = [asyncio.create_task(stand.identify(token)) for _ in range(2)]
        await wait_on_loop(lambda: stand.database.door.waiting == 1)
        stand.database.door.open()
        errors = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(error, DatabaseUnavailable) for error in errors)
        assert errors[0] is not errors[1]

    play(stand, check)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YW5hOnNlY3JldA==",
        "Bearer wk_short",
        "Bearer ' OR 1=1; DROP TABLE users; --",
        f"Bearer wk_{'a' * 42}'",
        f"Bearer wk_{'a' * 44}",
        f"Bearer wk_{'é' * 43}",
        f"Bearer wk_{'٣' * 43}",
        "Bearer " + "a" * 30_000,
        "Bearer \x00\x01",
        "Anonymous",
        "wk_" + "a" * 43,
    ],
)
def test_malformed_credentials_are_refused_without_a_query(sqlite_file: object, header: str) -> None:
    async def check(stand: Stand) -> None:
        with pytest.raises(Unauthorized) as refused:
            await stand.authenticator.identify({"authorization": header}, PEER)
        assert stand.database.asked == 0
        assert refused.value.headers()["WWW-Authenticate"] == "Bearer"

    play(Stand(f"sqlite:///{sqlite_file}"), check)


@pytest.mark.prove
def test_ten_thousand_forged_tokens_are_forgotten_and_one_repeated_is_looked_up_once(sqlite_file: object) -> None:
    async def check(stand: Stand) -> None:
        asked = stand.database.asked
        token = forged()
        for _ in range(100):
            assert await stand.refuses(token)
        assert stand.database.asked == asked + 1
        stand.database.run = nothing_found  # type: ignore[method-assign, assignment]
        for _ in range(MOST_UNKNOWN + 100):
            assert await stand.refuses(forged())
        assert len(stand.authenticator._unknown) == MOST_UNKNOWN
        assert not stand.authenticator._asking

    play(Stand(f"sqlite:///{sqlite_file}"), check)


async def nothing_found(work: object) -> None:
    return None


def test_expired_entries_are_swept(sqlite_file: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.02)

    async def check(stand: Stand) -> None:
        await stand.identify((await stand.tokens.create("ana")).secret)
        assert len(stand.authenticator._known) == 1
        await wait_on_loop(lambda: not stand.authenticator._known)

    play(Stand(f"sqlite:///{sqlite_file}", cache_ttl=0.1), check)
