"""Demo 3's stack without accounts and limits: a caller is who the X-Caller header says."""

from fastapi import FastAPI

from shared.call import Call, Caller
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog
from shared.layers.response_cache import ResponseCache
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.pipeline import Handler
from shared.redis_link import RedisLink
from shared.reply import Reply
from shared.routes.cache import cache_routes
from shared.routes.summarize import summarize_routes
from shared.service import build_service
from shared.settings import Settings


class Trusting:
    """Believes what callers say of themselves."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if name := call.headers.get("x-caller"):
            call.caller = Caller(name)
        return await next(call)


def build(settings: Settings) -> FastAPI:
    redis = RedisLink(settings.redis_url) if settings.redis_url else None
    return build_service(
        settings,
        title="Response caching by itself",
        layers=[
            RequestLog(settings.log_file),
            InputGuard(settings.max_chars),
            Trusting(),
            ResponseCache(settings, redis),
            Timeout(settings.timeout),
            Retry(settings.max_retries, delay=settings.retry_delay),
        ],
        routes=[summarize_routes, cache_routes],
        resources=[redis] if redis else [],
    )
