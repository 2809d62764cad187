"""Demo 2 services with one deliberate fault each. The checks must find every fault.

Each function builds an application as `demos.demo_2_who_and_how_often.app:build` does, and runs as
`python -m shared.server tests.demo_2.mutants:fixed_window`. test_demo_2.py says which checks must catch which mutant.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from shared.accounts.address import ClientAddress
from shared.accounts.authenticator import Authenticator
from shared.accounts.tokens import Tokens, digest_of
from shared.accounts.usage import UsageLedger, Used
from shared.app import build_service
from shared.http.auth_gate import auth_gate
from shared.layers.account_usage import AccountUsage
from shared.layers.authenticate import Authenticate
from shared.layers.budget import Budget
from shared.layers.input_guard import InputGuard
from shared.layers.rate_limit import RateLimit
from shared.layers.request_log import RequestLog, log_record
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.limits.allowance import MOST, SECOND, Allowances, Limits
from shared.limits.memory import MemoryLimiter
from shared.limits.redis import RedisCounts
from shared.limits.verdict import Limiter, Verdict, nothing_to_settle
from shared.limits.window import NEVER
from shared.pipeline.call import Call, Caller
from shared.pipeline.errors import DatabaseUnavailable, Overloaded, RateLimited, ServiceError, Unauthorized
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.outcome import Outcome, Usage
from shared.pipeline.reply import Reply
from shared.routes.usage import usage_routes
from shared.settings import Settings
from shared.stores.database import Database
from shared.stores.redis import RedisGone, RedisLink
from shared.upstream.sdk import OpenAIClient


def demo_2(
    settings: Settings,
    *,
    authenticator: Callable[..., Authenticator] = Authenticator,
    required: bool | None = None,
    cache_ttl: float | None = None,
    addresses: ClientAddress | None = None,
    log: Layer | None = None,
    limiter: Callable[[Limiter], Limiter] | None = None,
    limit: Callable[[Settings, RedisLink | None], RateLimit] = RateLimit,
    ledger: Callable[[Database, float], UsageLedger] = UsageLedger,
    budget: bool = True,
) -> FastAPI:
    """The stack of demo 2, in which a mutant replaces some parts."""
    redis = RedisLink(settings.redis_url, patience=settings.redis_timeout) if settings.redis_url else None
    database = Database(settings.database_url)
    accounts = ledger(database, settings.usage_flush_seconds)
    doorkeeper = authenticator(
        Tokens(database),
        addresses or ClientAddress(settings.trusted_proxies),
        required=settings.api_keys_required if required is None else required,
        cache_ttl=settings.token_cache_ttl if cache_ttl is None else cache_ttl,
    )
    rate_limit = limit(settings, redis)
    if limiter is not None:
        rate_limit.limiter = limiter(rate_limit.limiter)
    return build_service(
        settings,
        title="Demo 2, wrong on purpose",
        upstreams=OpenAIClient(settings),
        layers=[
            log or RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Authenticate(doorkeeper),
            rate_limit,
            *([Budget(accounts)] if budget else []),
            AccountUsage(accounts),
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
        ],
        routes=[usage_routes(accounts, rate_limit.limits)],
        resources=[database, accounts, doorkeeper, *([redis] if redis else [])],
        gate=auth_gate(doorkeeper),
    )


# --- authentication ----------------------------------------------------------------------------------------------


class TakesAnybody(Authenticator):
    """Accepts anything that looks like a token."""

    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            return await super().identify(headers, peer)
        except Unauthorized:
            if not token.startswith("wk_"):
                raise
            return Caller(f"user:{token[:10]}", user=token[:10])


def any_token_is_accepted(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=TakesAnybody)


class TakesTheHash(Authenticator):
    """Accepts a stored hash as a token: anybody who reads the database can call."""

    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        shown = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            return await super().identify(headers, peer)
        except Unauthorized:
            caller = await self._tokens.caller(bytes.fromhex(shown)) if len(shown) == 64 else None
            if caller is None:
                raise
            return caller


def tokens_are_compared_unhashed(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=TakesTheHash)


class AnonymousIsATokenToo(Authenticator):
    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        if headers.get("authorization") == "Bearer anonymous":
            raise Unauthorized("this token is not known")
        return await super().identify(headers, peer)


def anonymous_is_a_bad_token(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=AnonymousIsATokenToo)


def strangers_are_refused(settings: Settings) -> FastAPI:
    return demo_2(settings, required=True)


class KnowsOneUser(Authenticator):
    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        caller = await super().identify(headers, peer)
        return caller if caller.user is None else replace(caller, id="user:somebody", user="somebody")


def all_users_are_one(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=KnowsOneUser)


class TakesOtherSchemesForNothing(Authenticator):
    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        if not headers.get("authorization", "").lower().startswith("bearer "):
            headers = {name: value for name, value in headers.items() if name != "authorization"}
        return await super().identify(headers, peer)


def other_schemes_are_strangers(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=TakesOtherSchemesForNothing)


class LooksEverythingUp(Authenticator):
    """Asks the database even about strings that cannot be a token."""

    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        try:
            return await super().identify(headers, peer)
        except Unauthorized:
            await self._tokens.caller(digest_of(headers["authorization"]))
            raise


def looks_everything_up(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=LooksEverythingUp)


class NoChallenge(Unauthorized):
    def headers(self) -> dict[str, str]:
        return ServiceError.headers(self)


class SaysNotHow(Authenticator):
    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        try:
            return await super().identify(headers, peer)
        except Unauthorized as error:
            raise NoChallenge(error.message) from None


def unauthorized_without_challenge(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=SaysNotHow)


class AsksTheDatabaseInSql(Authenticator):
    """Puts the header into an SQL query unescaped: a hostile header breaks the query."""

    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        if "'" in (shown := headers.get("authorization", "")):
            raise ServiceError(f'near "{shown[:20]}": syntax error')
        return await super().identify(headers, peer)


def sql_from_the_header(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=AsksTheDatabaseInSql)


def logs_the_token(settings: Settings) -> FastAPI:
    def record(call: Call, outcome: Outcome) -> dict[str, Any]:
        return {**log_record(call, outcome), "authorization": call.headers.get("authorization")}

    return demo_2(settings, log=RequestLog(settings.log_file, record=record))


def never_requires_a_token(settings: Settings) -> FastAPI:
    return demo_2(settings, required=False)


def remembers_tokens_for_ever(settings: Settings) -> FastAPI:
    return demo_2(settings, cache_ttl=1e6)


class RemembersTheBusy(Authenticator):
    """Every use of a token prolongs its time in the cache."""

    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        caller = await super().identify(headers, peer)
        if caller.user is not None:
            self._known.put(digest_of(headers["authorization"].partition(" ")[2]), caller)
        return caller


def remembers_tokens_while_they_are_used(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=RemembersTheBusy)


class BlamesTheCaller(Authenticator):
    async def identify(self, headers: Mapping[str, str], peer: str) -> Caller:
        try:
            return await super().identify(headers, peer)
        except DatabaseUnavailable:
            raise Unauthorized("this token is not known") from None


def outage_is_401(settings: Settings) -> FastAPI:
    return demo_2(settings, authenticator=BlamesTheCaller)


def asks_the_database_each_time(settings: Settings) -> FastAPI:
    return demo_2(settings, cache_ttl=0)


# --- request limits ----------------------------------------------------------------------------------------------


class Around:
    """A limiter that wraps the right one."""

    def __init__(self, inner: Limiter) -> None:
        self.inner = inner

    async def open(self) -> None:
        await self.inner.open()

    async def close(self) -> None:
        await self.inner.close()

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        return await self.inner.admit(key, limits, tokens)

    async def look(self, key: str, limits: Limits) -> Verdict:
        return await self.inner.look(key, limits)


class OffBy(Around):
    def __init__(self, inner: Limiter, more: int) -> None:
        super().__init__(inner)
        self.more = more

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        off = replace(limits, requests=limits.requests + self.more)
        return (await self.inner.admit(key, off, tokens))._replace(limits=limits)


def one_request_too_many(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=lambda inner: OffBy(inner, 1))


def one_request_too_few(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=lambda inner: OffBy(inner, -1))


def burst_is_ignored(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=lambda inner: OffBy(inner, -settings.rate_limit_burst))


class WritesNothingDown(Around):
    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        return await MemoryLimiter().admit(key, limits, tokens)


def writes_nothing_down(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=WritesNothingDown)


class SaysOverloaded(RateLimit):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await super().__call__(call, next)
        except RateLimited as refused:
            raise Overloaded("too much", retry_after=refused.retry_after) from None


def refuses_with_503(settings: Settings) -> FastAPI:
    return demo_2(settings, limit=SaysOverloaded)


class FixedWindow(Around):
    """Counts from a caller's first request on, and starts again when the window is over."""

    def __init__(self, inner: Limiter) -> None:
        super().__init__(inner)
        self.begun: dict[str, tuple[int, MemoryLimiter]] = {}

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        now = time.monotonic_ns() // 1000
        begun, window = self.begun.get(key, (0, MemoryLimiter()))
        if now - begun >= limits.window:
            begun, window = self.begun[key] = now, MemoryLimiter()
        verdict = await window.admit(key, limits, tokens)
        if verdict.reading.wait_requests:
            reading = verdict.reading._replace(wait_requests=begun + limits.window - now)
            return verdict._replace(reading=reading)
        return verdict


def fixed_window(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=FixedWindow)


class Waits(Around):
    """States a wrong wait."""

    def __init__(self, inner: Limiter, wait: Callable[[int, Limits], int]) -> None:
        super().__init__(inner)
        self.wait = wait

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        verdict = await self.inner.admit(key, limits, tokens)
        if true := verdict.reading.wait_requests:
            reading = verdict.reading._replace(wait_requests=self.wait(true, limits))
            return verdict._replace(reading=reading)
        return verdict


def retry_after_is_a_guess(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=lambda inner: Waits(inner, lambda true, limits: SECOND))


def retry_after_is_the_whole_window(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=lambda inner: Waits(inner, lambda true, limits: limits.window))


class WaitsForTokens(Around):
    """States a wrong wait for tokens."""

    def __init__(self, inner: Limiter, wait: Callable[[int, Limits], int]) -> None:
        super().__init__(inner)
        self.wait = wait

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        verdict = await self.inner.admit(key, limits, tokens)
        if true := verdict.reading.wait_tokens:
            return verdict._replace(reading=verdict.reading._replace(wait_tokens=self.wait(true, limits)))
        return verdict


def retry_after_of_tokens_is_a_guess(settings: Settings) -> FastAPI:
    return demo_2(
        settings, limiter=lambda inner: WaitsForTokens(inner, lambda true, limits: NEVER if true == NEVER else SECOND)
    )


def waits_for_what_never_fits(settings: Settings) -> FastAPI:
    return demo_2(
        settings,
        limiter=lambda inner: WaitsForTokens(inner, lambda true, limits: limits.window if true == NEVER else true),
    )


class CountsRefusals(Around):
    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        verdict = await self.inner.admit(key, limits, tokens)
        if not verdict.reading.admitted:
            assert isinstance(self.inner, MemoryLimiter)
            self.inner.note(key, limits, 0)
        return verdict


def refused_requests_count(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=CountsRefusals)


class OneForAll(Around):
    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        return await self.inner.admit("all", limits, tokens)


def one_allowance_for_all(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=OneForAll)


def overrides_are_ignored(settings: Settings) -> FastAPI:
    return demo_2(settings.model_copy(update={"rate_limit_overrides": ""}))


class KnowsNoStrangers(Allowances):
    def limits_of(self, caller: Caller, scope: str) -> Limits:
        return super().limits_of(Caller("user:somebody", user="somebody"), scope)


def strangers_are_treated_as_users(settings: Settings) -> FastAPI:
    def limit(settings: Settings, redis: RedisLink | None) -> RateLimit:
        made = RateLimit(settings, redis)
        made.allowances = KnowsNoStrangers(settings)
        return made

    return demo_2(settings, limit=limit)


class AllStrangersAreOne(ClientAddress):
    def of(self, peer: str, headers: Mapping[str, str]) -> str:
        return "192.0.2.1"


def all_strangers_share_one_allowance(settings: Settings) -> FastAPI:
    return demo_2(settings, addresses=AllStrangersAreOne())


class BelievesAnybody(ClientAddress):
    """Takes the first address in the header, no matter who wrote it."""

    def of(self, peer: str, headers: Mapping[str, str]) -> str:
        return headers.get("x-forwarded-for", peer).split(",")[0]


def forwarded_for_is_believed_from_anybody(settings: Settings) -> FastAPI:
    return demo_2(settings, addresses=BelievesAnybody())


class BelievesTheFirst(ClientAddress):
    def of(self, peer: str, headers: Mapping[str, str]) -> str:
        true = super().of(peer, headers)
        return headers["x-forwarded-for"].split(",")[0] if true != peer else true


def forwarded_for_is_read_from_the_left(settings: Settings) -> FastAPI:
    return demo_2(settings, addresses=BelievesTheFirst(settings.trusted_proxies))


# --- token limits ------------------------------------------------------------------------------------------------


class LooksAndDoesNotReserve(Around):
    """Checks that there is room, but writes down the tokens only when the call has ended."""

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        looked = await self.inner.look(key, limits)
        if looked.reading.tokens + tokens > limits.tokens:
            return await self.inner.admit(key, limits, tokens)  # no room: the refusal is the right one
        verdict = await self.inner.admit(key, replace(limits, tokens=1 << 40), 0)
        reading = verdict.reading._replace(tokens=looked.reading.tokens + tokens)
        return Verdict(limits, reading, verdict.settle)


def tokens_are_checked_but_not_reserved(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=LooksAndDoesNotReserve)


class KeepsTheReservation(Around):
    """With `of_failures`, keeps only the reservation of a call that used nothing."""

    def __init__(self, inner: Limiter, of_failures: bool) -> None:
        super().__init__(inner)
        self.of_failures = of_failures

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        verdict = await self.inner.admit(key, limits, tokens)

        def settle(used: int) -> None:
            if self.of_failures and used:
                verdict.settle(used)

        return verdict._replace(settle=settle)


def reservations_are_kept(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=lambda inner: KeepsTheReservation(inner, of_failures=False))


def failed_calls_keep_their_reservation(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=lambda inner: KeepsTheReservation(inner, of_failures=True))


class GivesAllBack(Around):
    """Counts no tokens for a call that has ended."""

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        verdict = await self.inner.admit(key, limits, tokens)
        return verdict._replace(settle=lambda used: verdict.settle(0))


def all_tokens_are_given_back(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=GivesAllBack)


class OneWindowOfTokens(Around):
    """Counts requests for each caller, but tokens for all callers together."""

    def __init__(self, inner: Limiter) -> None:
        super().__init__(inner)
        self.tokens = MemoryLimiter()

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        together = await self.tokens.admit("all", replace(limits, requests=MOST, hourly=MOST), tokens)
        if not together.reading.admitted:
            return together._replace(limits=limits)
        own = await self.inner.admit(key, replace(limits, tokens=MOST), 0)
        return Verdict(limits, own.reading._replace(tokens=together.reading.tokens), together.settle)


def all_callers_share_their_tokens(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=OneWindowOfTokens)


# --- headers and usage -------------------------------------------------------------------------------------------


class Says:
    """Changes the headers that the limits noted for each reply."""

    def __init__(self, change: Callable[[dict[str, str]], object]) -> None:
        self.change = change

    def __call__(self, settings: Settings, redis: RedisLink | None) -> RateLimit:
        change = self.change

        class Changed(RateLimit):
            async def __call__(self, call: Call, next: Handler) -> Reply:
                try:
                    return await super().__call__(call, next)
                finally:
                    change(call.response_headers)

        return Changed(settings, redis)


def headers_lie(settings: Settings) -> FastAPI:
    def one_more(headers: dict[str, str]) -> None:
        name = "x-ratelimit-remaining-requests"
        headers[name] = str(int(headers[name]) + 1)

    return demo_2(settings, limit=Says(one_more))


class ResetsAtTheNextPlace(Around):
    """States the time until one more request fits, and not until the window is empty."""

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        verdict = await self.inner.admit(key, limits, tokens)
        latest = limits.window - verdict.reading.next_release
        return verdict._replace(reading=verdict.reading._replace(latest=latest))


def reset_is_the_next_place(settings: Settings) -> FastAPI:
    return demo_2(settings, limiter=ResetsAtTheNextPlace)


def reset_is_the_whole_window(settings: Settings) -> FastAPI:
    def whole(headers: dict[str, str]) -> None:
        headers["x-ratelimit-reset-requests"] = f"{settings.rate_limit_window_sec:g}s"

    return demo_2(settings, limit=Says(whole))


def headers_without_the_tokens_reset(settings: Settings) -> FastAPI:
    return demo_2(settings, limit=Says(lambda headers: headers.pop("x-ratelimit-reset-tokens")))


def headers_of_the_draft_alone(settings: Settings) -> FastAPI:
    def without_openais(headers: dict[str, str]) -> None:
        for name in [name for name in headers if name.startswith("x-ratelimit")]:
            del headers[name]

    return demo_2(settings, limit=Says(without_openais))


def headers_with_fractions_of_seconds(settings: Settings) -> FastAPI:
    def exact(headers: dict[str, str]) -> None:
        headers["RateLimit"] = re.sub(r"t=(\d+)", r"t=\1.0", headers["RateLimit"])

    return demo_2(settings, limit=Says(exact))


class SaysNothingToTheRefused(RateLimit):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await super().__call__(call, next)
        except RateLimited:
            call.response_headers.clear()
            raise


def refusals_without_headers(settings: Settings) -> FastAPI:
    return demo_2(settings, limit=SaysNothingToTheRefused)


def headers_of_one_convention(settings: Settings) -> FastAPI:
    def without_the_drafts(headers: dict[str, str]) -> None:
        del headers["RateLimit"], headers["RateLimit-Policy"]

    return demo_2(settings, limit=Says(without_the_drafts))


class ForgetsTokens(UsageLedger):
    def record(self, caller: str, outcome: Outcome) -> None:
        super().record(caller, replace(outcome, usage=Usage(outcome.usage.input, 0)))


def usage_without_the_answers_tokens(settings: Settings) -> FastAPI:
    return demo_2(settings, ledger=ForgetsTokens)


class OneAccount(UsageLedger):
    async def used(self, caller: str) -> Used:
        return await super().used("all")

    def record(self, caller: str, outcome: Outcome) -> None:
        super().record(caller, outcome)
        super().record("all", outcome)


def usage_of_everybody(settings: Settings) -> FastAPI:
    return demo_2(settings, ledger=OneAccount)


def budget_is_ignored(settings: Settings) -> FastAPI:
    return demo_2(settings, budget=False)


# --- with several workers ----------------------------------------------------------------------------------------


def limit_for_each_worker(settings: Settings) -> FastAPI:
    return demo_2(settings, limit=lambda settings, redis: RateLimit(settings, None, workers=1))


class AsksRedisOnly(Around):
    def __init__(self, link: RedisLink, without: Callable[[Limits], Awaitable[Verdict]]) -> None:
        super().__init__(MemoryLimiter())
        self.counts = RedisCounts(link)
        self.without = without

    async def admit(self, key: str, limits: Limits, tokens: int) -> Verdict:
        try:
            reading = await self.counts.admit(key, limits, tokens, self.counts.new_id())
        except RedisGone:
            return await self.without(limits)
        return Verdict(limits, reading, nothing_to_settle)


async def _fails(limits: Limits) -> Verdict:
    raise ServiceError("redis does not answer")


async def _lets_all_in(limits: Limits) -> Verdict:
    return await MemoryLimiter().admit("", limits, 0)


def _on_redis_only(settings: Settings, without: Callable[[Limits], Awaitable[Verdict]]) -> FastAPI:
    def limit(settings: Settings, redis: RedisLink | None) -> RateLimit:
        made = RateLimit(settings, redis)
        if redis is not None:
            made.limiter = AsksRedisOnly(redis, without)
        return made

    return demo_2(settings, limit=limit)


def redis_lost_is_500(settings: Settings) -> FastAPI:
    return _on_redis_only(settings, _fails)


def no_limit_without_redis(settings: Settings) -> FastAPI:
    return _on_redis_only(settings, _lets_all_in)
