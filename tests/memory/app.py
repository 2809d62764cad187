"""A service that leaks on request: a call with the header X-Leak-KB keeps that many kilobytes, until DELETE /leak.

It has the stack of demo 5 without accounts and limits. MEMORY_THRESHOLD_MB and MEMORY_EMERGENCY_MB are added to the
process's memory at its start, so that no test depends on the size of Python. CONTAINER_MB, if set, is the container's
limit, also above that size.
"""

import os

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response

from shared.app import build_service
from shared.health.caches import Caches
from shared.health.http_client import HttpClient
from shared.health.providers import Providers
from shared.http.json import json_response
from shared.layers.circuit_breaker import CircuitBreaker
from shared.layers.memory_guard import MemoryGuard
from shared.layers.request_log import RequestLog
from shared.layers.response_cache import ResponseCache
from shared.layers.timeout import Timeout
from shared.memory.limit import MemoryLimit, memory_limit
from shared.memory.rss import MEGABYTE, resident
from shared.memory.watch import MemoryWatch
from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.routes.generate_stream import generate_stream_routes
from shared.routes.metrics import metrics_routes
from shared.service import Service
from shared.settings import Settings
from shared.upstream.pools import Upstreams

PIECE = 32_000  # bytes; small enough for the heap, where freed memory is not returned automatically


class Leak:
    def __init__(self) -> None:
        self.kept: list[bytes] = []

    async def __call__(self, call: Call, next: Handler) -> Reply:
        pieces = int(call.headers.get("x-leak-kb", 0)) * 1000 // PIECE
        self.kept += [bytes([65]) * PIECE for _ in range(pieces)]
        return await next(call)

    def routes(self, service: Service) -> APIRouter:
        router = APIRouter()

        @router.delete("/leak")
        async def stop() -> Response:
            del self.kept[:-1]  # the last piece, at the end of the heap, keeps the C library from returning memory
            return json_response({})

        return router


def build(settings: Settings) -> FastAPI:
    base = resident()
    cache = ResponseCache(settings)
    leak = Leak()
    above = settings.model_copy(
        update={
            "memory_threshold_mb": base / MEGABYTE + settings.memory_threshold_mb,
            "memory_emergency_mb": base / MEGABYTE + settings.memory_emergency_mb,
        }
    )

    def bound() -> MemoryLimit:
        allowed = os.environ.get("CONTAINER_MB")
        return MemoryLimit(base + int(allowed) * MEGABYTE, "this container") if allowed else memory_limit()

    return build_service(
        settings,
        title="A leak",
        upstreams=Upstreams(settings),
        layers=[
            RequestLog(settings.log_file),
            MemoryGuard(MemoryWatch(above, cache.caches, bound=bound)),
            leak,
            cache,
            Timeout(settings.timeout),
            CircuitBreaker(settings),
        ],
        routes=[generate_stream_routes, metrics_routes, leak.routes],
        checks=[Providers, HttpClient, Caches],
    )
