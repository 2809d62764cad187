"""The smallest service with rate limits, which tests/limits starts as separate processes.

The X-Tenant header names the caller. LIMIT_WORKERS is the number of these processes that share the limits.
"""

import os

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from prometheus_client import generate_latest

from shared.app import build_service
from shared.http.json import json_response
from shared.layers.rate_limit import RateLimit
from shared.layers.request_log import RequestLog
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call, Caller
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.service import Service
from shared.settings import Settings
from shared.stores.redis import RedisLink
from shared.upstream.pools import Upstreams


class Tenant:
    """Believes the caller's own name."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if tenant := call.headers.get("x-tenant"):
            call.caller = known(tenant)
        return await next(call)


def known(tenant: str) -> Caller:
    return Caller(id=f"user:{tenant}", user=tenant)


def build(settings: Settings) -> FastAPI:
    redis = RedisLink(settings.redis_url, patience=settings.redis_timeout) if settings.redis_url else None
    limit = RateLimit(settings, redis, workers=int(os.environ.get("LIMIT_WORKERS", "1")))

    def routes(service: Service) -> APIRouter:
        router = APIRouter()

        @router.get("/metrics")
        async def metrics() -> Response:
            return Response(generate_latest(), media_type="text/plain")

        @router.get("/limits/{tenant}")
        async def limits(tenant: str) -> Response:
            return json_response(await limit.limits(known(tenant)))

        return router

    return build_service(
        settings,
        title="Limits",
        upstreams=Upstreams(settings),
        resources=[redis] if redis else [],
        layers=[RequestLog(settings.log_file), Tenant(), limit, Timeout(settings.timeout)],
        routes=[routes],
    )
