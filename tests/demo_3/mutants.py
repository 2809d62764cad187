"""Demo 3 services with one deliberate fault each. The checks must find every fault.

Each function builds an application as `demos.demo_3_caching.app:build` does, and runs as
`python -m shared.server tests.demo_3.mutants:stampede`. test_demo_3.py says which checks must catch which mutant.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, ClassVar

from fastapi import FastAPI

from shared.accounts.address import ClientAddress
from shared.accounts.authenticator import Authenticator
from shared.accounts.tokens import Tokens
from shared.app import build_service
from shared.cache.key import cache_key
from shared.cache.memory import ENTRY_OVERHEAD, MemoryStore
from shared.cache.parts import Fetch, MakeKey, MakeStore
from shared.layers.authenticate import Authenticate
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog
from shared.layers.response_cache import HEADER, SUMMARIES, MakeCache, ResponseCache
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.errors import ServiceError, UpstreamError, UpstreamUnavailable
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.reply import Completion, Reply
from shared.routes.cache import cache_routes
from shared.routes.summarize import summarize_routes
from shared.settings import Settings
from shared.stores.database import Database
from shared.stores.redis import RedisLink
from shared.upstream.sdk import OpenAIClient

Around = Callable[[ResponseCache], Layer]


def demo_3(settings: Settings, *, cache: MakeCache = ResponseCache, around: Sequence[Around] = ()) -> FastAPI:
    """The part of demo 3's stack that a cache needs, with a mutant's cache or with layers around the cache."""
    redis = RedisLink(settings.redis_url, patience=settings.redis_timeout) if settings.redis_url else None
    database = Database(settings.database_url)
    authenticator = Authenticator(Tokens(database), ClientAddress(settings.trusted_proxies))
    response_cache = cache(settings, redis)
    return build_service(
        settings,
        title="Demo 3, wrong on purpose",
        upstreams=OpenAIClient(settings),
        layers=[
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Authenticate(authenticator),
            *(make(response_cache) for make in around),
            response_cache,
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
        ],
        routes=[cache_routes, summarize_routes],
        resources=[database, authenticator, *([redis] if redis else [])],
    )


def status_of(call: Call) -> str:
    """The cache status of this call."""
    return call.response_headers.get(HEADER, "")


# --- the key -----------------------------------------------------------------------------------------------------


def _asked_as(change: Callable[[ChatRequest], ChatRequest]) -> MakeKey:
    def key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
        return cache_key(change(request), cache=cache, owner=owner, upstream=upstream)

    return key


def _with_key(settings: Settings, change: Callable[[ChatRequest], ChatRequest]) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, key=_asked_as(change)))


def ignores_the_temperature(settings: Settings) -> FastAPI:
    sampled_too = settings.model_copy(update={"cache_sampled": True})
    return _with_key(sampled_too, lambda request: replace(request, temperature=0.0))


def ignores_the_model(settings: Settings) -> FastAPI:
    return _with_key(settings, lambda request: replace(request, model="any"))


def ignores_max_tokens(settings: Settings) -> FastAPI:
    return _with_key(settings, lambda request: replace(request, max_tokens=1))


def _tidied(request: ChatRequest) -> ChatRequest:
    said = " ".join(request.prompt.lower().split())
    return replace(request, messages=({"role": "user", "content": said},))


def tidies_the_prompt(settings: Settings) -> FastAPI:
    """Ignores case and blanks: the hit rate rises, and some callers get the answer to another question."""
    return _with_key(settings, _tidied)


def crosses_callers(settings: Settings) -> FastAPI:
    return demo_3(settings.model_copy(update={"cache_scope": "shared"}))


def users_share(settings: Settings) -> FastAPI:
    """Keeps strangers apart from users, but not users from each other."""

    def key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
        return cache_key(request, cache=cache, owner=[name.partition(":")[0] for name in owner], upstream=upstream)

    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, key=key))


def never_the_same_key(settings: Settings) -> FastAPI:
    numbers = count()

    def key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
        owner = [*owner, str(next(numbers))]
        return cache_key(request, cache=cache, owner=owner, upstream=upstream)

    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, key=key))


def ignores_the_upstream(settings: Settings) -> FastAPI:
    def key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
        return cache_key(request, cache=cache, owner=owner, upstream="")

    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, key=key))


def _readable(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
    return json.dumps([cache, owner, upstream, request.to_wire()], sort_keys=True)


def the_key_is_the_question(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, key=_readable))


def the_key_is_long(settings: Settings) -> FastAPI:
    def key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
        return cache_key(request, cache=cache, owner=owner, upstream=upstream) * 4

    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, key=key))


# --- what is stored, and for how long ----------------------------------------------------------------------------


def stores_sampled_answers(settings: Settings) -> FastAPI:
    return demo_3(settings.model_copy(update={"cache_sampled": True}))


class RemembersErrors:
    """A question that failed once fails for ever."""

    def __init__(self) -> None:
        self.errors: dict[str, ServiceError] = {}

    async def __call__(self, call: Call, next: Handler) -> Reply:
        question = call.request.model + call.request.prompt
        if question in self.errors:
            raise self.errors[question]
        try:
            return await next(call)
        except UpstreamError as error:
            self.errors[question] = error
            raise


def stores_errors(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[lambda cache: RemembersErrors()])


class HearsNothing:
    """The client's Cache-Control, or one directive of it, never reaches the cache."""

    def __init__(self, directive: str = "") -> None:
        self.directive = directive

    async def __call__(self, call: Call, next: Handler) -> Reply:
        said = call.headers.get("cache-control", "")
        if self.directive in said:
            call.headers = {**call.headers, "cache-control": said.replace(self.directive, "") if self.directive else ""}
        return await next(call)


def ignores_cache_control(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[lambda cache: HearsNothing()])


def ignores_no_store(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[lambda cache: HearsNothing("no-store")])


class LivesForEver(MemoryStore):
    def put(self, key: str, value: bytes, ttl: float) -> bool:
        return super().put(key, value, float("inf"))


def ttl_never_applied(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, store=LivesForEver))


class LivesWhileUsed(MemoryStore):
    """Every use restarts the time to live."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        super().__init__(max_entries, max_bytes)
        self.ttls: dict[str, float] = {}

    def get(self, key: str) -> bytes | None:
        value = super().get(key)
        if value is not None:
            super().put(key, value, self.ttls[key])
        return value

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        self.ttls[key] = ttl
        return super().put(key, value, ttl)


def ttl_begins_anew_with_each_use(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, store=LivesWhileUsed))


class LivesHalfAsLong(MemoryStore):
    def put(self, key: str, value: bytes, ttl: float) -> bool:
        return super().put(key, value, ttl / 2)


def ttl_half_as_long(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, store=LivesHalfAsLong))


def _with_store(settings: Settings, store: MakeStore) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, store=store))


class KeepsTheFirst(MemoryStore):
    """Never replaces an entry before it expires."""

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        return self.get(key) is not None or super().put(key, value, ttl)


def keeps_the_first_answer(settings: Settings) -> FastAPI:
    return _with_store(settings, KeepsTheFirst)


class NeverTidiesUp(MemoryStore):
    """Keeps and counts expired entries until somebody asks for them."""

    def drop_expired(self) -> None:
        return


def counts_what_has_expired(settings: Settings) -> FastAPI:
    return _with_store(settings, NeverTidiesUp)


class CountsNoExpirations(MemoryStore):
    def _expire(self, key: str) -> None:
        self.discard(key)


def counts_no_expirations(settings: Settings) -> FastAPI:
    return _with_store(settings, CountsNoExpirations)


# --- the size ----------------------------------------------------------------------------------------------------


def unbounded(settings: Settings) -> FastAPI:
    return demo_3(settings.model_copy(update={"cache_max_size": 10**6, "cache_max_memory_mb": 1e3}))


def counts_entries_and_not_bytes(settings: Settings) -> FastAPI:
    return demo_3(settings.model_copy(update={"cache_max_memory_mb": 1e3}))


def counts_bytes_and_not_entries(settings: Settings) -> FastAPI:
    return demo_3(settings.model_copy(update={"cache_max_size": 10**6}))


class CountsTwice(MemoryStore):
    """Counts the size of a replaced answer as well as that of its replacement."""

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        older = self._entries.get(key)
        kept = super().put(key, value, ttl)
        self.bytes += older.size if older is not None else 0
        return kept


def counts_twice_what_is_put_twice(settings: Settings) -> FastAPI:
    return _with_store(settings, CountsTwice)


class CountsNoEvictions(MemoryStore):
    def trim(self, max_entries: int, max_bytes: int) -> None:
        super().trim(max_entries, max_bytes)
        self.evictions = 0


def counts_no_evictions(settings: Settings) -> FastAPI:
    return _with_store(settings, CountsNoEvictions)


class KeepsWhatIsTooLarge(MemoryStore):
    """Evicts everything to make room, and stores the oversized entry anyway."""

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        most, self.max_bytes = self.max_bytes, max(self.max_bytes, len(key) + len(value) + ENTRY_OVERHEAD)
        try:
            return super().put(key, value, ttl)
        finally:
            self.max_bytes = most


def keeps_what_is_too_large(settings: Settings) -> FastAPI:
    return _with_store(settings, KeepsWhatIsTooLarge)


class FirstInFirstOut(MemoryStore):
    def get(self, key: str) -> bytes | None:
        order = list(self._entries)
        value = super().get(key)
        for each in order:
            if each in self._entries:
                self._entries.move_to_end(each)
        return value


def fifo_instead_of_lru(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, store=FirstInFirstOut))


# --- many at once ------------------------------------------------------------------------------------------------


class Stampede:
    """Every caller asks the upstream."""

    def __contains__(self, key: str) -> bool:
        return False

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        return await fetch(call)


def stampede(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, flights=Stampede()))


class WaitsForTheLeader:
    """The first caller fetches and the others wait for it. If the first caller leaves, they wait for ever."""

    def __init__(self) -> None:
        self.words: dict[str, asyncio.Future[Completion]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.words

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        if key in self.words:
            return replace(await asyncio.shield(self.words[key]), cached=True)
        word = self.words[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await fetch(call)
        except ServiceError:
            del self.words[key]
            raise
        del self.words[key]
        word.set_result(reply)
        return reply


def waits_for_the_leader_that_left(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, flights=WaitsForTheLeader()))


class AllLeaveTogether:
    """One task for all callers: any caller that leaves cancels it."""

    def __init__(self) -> None:
        self.tasks: dict[str, asyncio.Future[Completion]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.tasks

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        if key in self.tasks:
            return replace(await self.tasks[key], cached=True)
        task = self.tasks[key] = asyncio.ensure_future(fetch(call))
        try:
            return await task
        finally:
            del self.tasks[key]


def the_leader_takes_all_along(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, flights=AllLeaveTogether()))


class NeverLands:
    """One task for all callers, which is never removed."""

    def __init__(self) -> None:
        self.tasks: dict[str, asyncio.Future[Completion]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self.tasks

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        if key in self.tasks:
            return replace(await asyncio.shield(self.tasks[key]), cached=True)
        task = self.tasks[key] = asyncio.ensure_future(fetch(call))
        return await asyncio.shield(task)


def flights_never_land(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=lambda settings, redis: ResponseCache(settings, redis, flights=NeverLands()))


# --- hits: what they cost, say and take --------------------------------------------------------------------------


class BillsAgain:
    """Charges the full price for answers with this cache status."""

    def __init__(self, status: str) -> None:
        self.status = status

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if isinstance(reply, Completion) and status_of(call) == self.status:
            return replace(reply, cached=False)
        return reply


def bills_hits_again(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[lambda cache: BillsAgain("hit")])


def bills_the_whole_crowd(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[lambda cache: BillsAgain("coalesced")])


class KeepsQuiet:
    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        call.metadata["cached"] = False
        return reply


def never_says_cached(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[lambda cache: KeepsQuiet()])


class TakesItsTime:
    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if status_of(call) == "hit":
            await asyncio.sleep(0.08)
        return reply


def slow_hits(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[lambda cache: TakesItsTime()])


class AsksAllTheSame(ResponseCache):
    """Answers a hit at once, and then asks the upstream again in the background."""

    renewals: ClassVar[set[asyncio.Task[None]]] = set()

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await super().__call__(call, next)
        if status_of(call) == "hit":
            renewal = asyncio.create_task(self._renew(call.detached(), next))
            self.renewals.add(renewal)
            renewal.add_done_callback(self.renewals.discard)
        return reply

    async def _renew(self, call: Call, next: Handler) -> None:
        try:
            await next(call)
        except ServiceError:
            return


def renews_every_hit(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=AsksAllTheSame)


# --- summaries, statistics, outages ------------------------------------------------------------------------------


class OneForAll(ResponseCache):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        if call.endpoint == SUMMARIES:
            call.endpoint = "/generate"
        return await super().__call__(call, next)


def one_cache_for_all(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=OneForAll)


class CountsKilobytes(ResponseCache):
    async def report(self) -> Mapping[str, Any]:
        told = await super().report()
        return {name: {**numbers, "bytes": (numbers["bytes"] or 0) // 1000} for name, numbers in told.items()}


def stats_in_kilobytes(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=CountsKilobytes)


class Flatters(ResponseCache):
    async def report(self) -> Mapping[str, Any]:
        told = await super().report()
        return {name: {**numbers, "hit_rate": min(1.0, numbers["hit_rate"] + 0.2)} for name, numbers in told.items()}


def stats_that_flatter(settings: Settings) -> FastAPI:
    return demo_3(settings, cache=Flatters)


class ForgetsAllAfterAFailure:
    def __init__(self, cache: ResponseCache) -> None:
        self.cache = cache

    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await next(call)
        except UpstreamUnavailable:
            for cache in self.cache.caches:
                cache.memory = MemoryStore(cache.memory.max_entries, cache.memory.max_bytes)
            raise


def forgets_all_after_a_failure(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[ForgetsAllAfterAFailure])


def keeps_to_itself(settings: Settings) -> FastAPI:
    """Ignores CACHE_BACKEND=redis."""
    return demo_3(settings.model_copy(update={"cache_backend": "memory"}))


class NeedsRedis:
    def __init__(self, cache: ResponseCache, wanted: bool) -> None:
        self.cache = cache
        self.wanted = wanted

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if self.wanted and any(cache.backend != "redis" for cache in self.cache.caches):
            raise ServiceError("no cache")
        return reply


def fails_without_redis(settings: Settings) -> FastAPI:
    return demo_3(settings, around=[lambda cache: NeedsRedis(cache, wanted=settings.cache_backend == "redis")])
