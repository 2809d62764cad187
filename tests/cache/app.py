"""Demo 3's stack without accounts and limits. The X-Caller header names the caller."""

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response

from shared.app import build_service
from shared.cache.parts import Fetch
from shared.cache.single_flight import SingleFlight
from shared.http.json import json_response
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog
from shared.layers.response_cache import ResponseCache
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call, Caller
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Completion, Reply
from shared.routes.cache import cache_routes
from shared.routes.summarize import summarize_routes
from shared.service import Service
from shared.settings import Settings
from shared.stores.redis import RedisLink
from shared.upstream.pools import Upstreams


class Trusting:
    """Believes the caller's own name."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if name := call.headers.get("x-caller"):
            call.caller = Caller(name)
        return await next(call)


class Counted(SingleFlight):
    """Flights that report their number of calls at GET /aboard."""

    def __init__(self) -> None:
        super().__init__()
        self.aboard = 0

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        self.aboard += 1
        try:
            return await super().answer(key, call, fetch)
        finally:
            self.aboard -= 1

    def routes(self, service: Service) -> APIRouter:
        router = APIRouter()

        @router.get("/aboard")
        async def aboard() -> Response:
            return json_response({"calls": self.aboard})

        return router


def build(settings: Settings) -> FastAPI:
    redis = RedisLink(settings.redis_url, patience=settings.redis_timeout) if settings.redis_url else None
    flights = Counted()
    return build_service(
        settings,
        title="Response caching by itself",
        upstreams=Upstreams(settings),
        layers=[
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Trusting(),
            ResponseCache(settings, redis, flights=flights),
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
        ],
        routes=[summarize_routes, cache_routes, flights.routes],
        resources=[redis] if redis else [],
    )
