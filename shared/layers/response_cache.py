"""Pay once for equal calls: keep the answer for later ones, and share it with those that arrive in the meantime.

In: a Call. Out: a cached answer, another call's answer, or a new one; `X-Cache` says which. Sampled answers, errors and
streams are not cached. The owner of an answer is part of its key, so no caller gets another's answer by accident.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shared.cache.cache import Cache
from shared.cache.key import cache_key
from shared.cache.memory import MemoryStore
from shared.cache.parts import Flights, MakeKey, MakeStore
from shared.cache.policy import ASK_AGAIN, NO_STORE, directives, keepable, repeatable
from shared.cache.single_flight import SingleFlight
from shared.pipeline.call import ANONYMOUS, PRIMARY, Call, ChatRequest
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Completion, Reply
from shared.settings import BadSetting, Settings
from shared.stores.redis import RedisLink

HEADER = "X-Cache"
SUMMARIES = "/summarize"  # the endpoint with a cache of its own; all others share one


# region: response-cache
class ResponseCache:
    """Two caches, `responses` and `summaries`, and the calls in flight. Raises BadSetting.

    `key`, `store` and `flights` are its parts; pass your own to replace them.
    """

    def __init__(
        self,
        settings: Settings,
        redis: RedisLink | None = None,
        *,
        key: MakeKey = cache_key,
        store: MakeStore = MemoryStore,
        flights: Flights | None = None,
    ) -> None:
        if settings.cache_backend == "redis" and redis is None:
            raise BadSetting("CACHE_BACKEND=redis: needs REDIS_URL, which is empty")
        self._responses = _cache(
            "responses", settings.cache_responses_ttl, settings.cache_max_size, settings, redis, store
        )
        self._summaries = _cache(
            "summaries", settings.cache_default_ttl, settings.cache_summaries_max_size, settings, redis, store
        )
        self._key = key
        self._flights: Flights = flights if flights is not None else SingleFlight()
        self._shared = settings.cache_scope == "shared"
        self._upstream = settings.upstreams or settings.openai_base_url
        self._keeps_sampled = settings.cache_sampled

    # region: response-cache-call
    async def __call__(self, call: Call, next: Handler) -> Reply:
        cache = self._summaries if call.endpoint == SUMMARIES else self._responses
        wishes = directives(call.headers)
        if not self._answers(call.request) or NO_STORE in wishes:
            return await self._bypass(cache, call, next)

        key = self._key(call.request, cache=cache.name, owner=self._owner(call), upstream=self._upstream)
        if wishes & ASK_AGAIN:
            reply = await self._bypass(cache, call, next)
            return await _keep(cache, key, call, reply)

        kept = await cache.get(key)
        if kept is not None:
            _note(call, "hit", cached=True)
            return kept
        return await self._share(cache, key, call, next)

    # endregion: response-cache-call

    @property
    def caches(self) -> Sequence[Cache]:
        return self._responses, self._summaries

    async def report(self) -> Mapping[str, Any]:
        """The answer of GET /cache/stats."""
        return {cache.name: await cache.report() for cache in self.caches}

    def _answers(self, request: ChatRequest) -> bool:
        return not request.stream and (self._keeps_sampled or repeatable(request))

    def _owner(self, call: Call) -> Sequence[str]:
        if self._shared:
            return ("shared",)
        if call.caller is ANONYMOUS:  # a stack without authentication: only the address tells callers apart
            return ("address", call.peer)
        return ("caller", call.caller.id)

    async def _share(self, cache: Cache, key: str, call: Call, next: Handler) -> Reply:
        async def fetch(flown: Call) -> Completion:
            cache.statistics.miss(cache.backend)
            return await _keep(cache, key, flown, await next(flown))

        _note(call, "coalesced" if key in self._flights else "miss", cached=False)
        reply = await self._flights.answer(key, call, fetch)
        if reply.cached:
            cache.statistics.coalesce(cache.backend)
            _note(call, "coalesced", cached=True)
        else:
            _note(call, "miss", cached=False)  # also the second call, if the first has left and the second pays
        return reply

    async def _bypass(self, cache: Cache, call: Call, next: Handler) -> Reply:
        cache.statistics.bypass(cache.backend)
        _note(call, "bypass", cached=False)
        return await next(call)


# endregion: response-cache


def _cache(name: str, ttl: float, most: int, settings: Settings, redis: RedisLink | None, store: MakeStore) -> Cache:
    return Cache(
        name,
        ttl=ttl,
        max_entries=most,
        max_memory_mb=settings.cache_max_memory_mb,
        redis=redis if settings.cache_backend == "redis" else None,
        store=store,
    )


async def _keep(cache: Cache, key: str, call: Call, reply: Reply) -> Completion:
    assert isinstance(reply, Completion), "a call that asked for no stream got one"
    # The key stands for the answer of the requested upstream, not of a fallback.
    if call.target == PRIMARY and keepable(reply):
        await cache.put(key, reply)
    return reply


def _note(call: Call, status: str, *, cached: bool) -> None:
    call.response_headers[HEADER] = status
    call.log_fields["cache"] = status
    call.metadata["cached"] = cached


MakeCache = Callable[[Settings, RedisLink | None], ResponseCache]
