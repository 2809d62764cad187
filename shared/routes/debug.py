"""GET /debug/stats, and actions by hand, for administrators: POST /debug/memory/cleanup and …/circuit-breakers/reset.

The worker that answers acts first, and its answer says what it did. The other workers follow within a second, and say
so in the log. The answer's `worker` is the process id. Statistics are those of the worker that answers.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.health.http_client import HttpClient
from shared.http.auth_gate import admin_of
from shared.http.json import json_response
from shared.layers.circuit_breaker import CircuitBreaker
from shared.memory.watch import MemoryWatch
from shared.pipeline.layer import Checked
from shared.process.worker_broadcast import WorkerBroadcast
from shared.routes.cache import caches_of
from shared.upstream import tally
from shared.upstream.pools import Upstreams

if TYPE_CHECKING:
    from shared.service import Routes, Service

CACHES = {"responses": "response_cache", "summaries": "summary_cache"}
CLEAN_UP, RESET = "clean up memory", "reset circuit breakers"


def debug_routes(memory: MemoryWatch, orders: WorkerBroadcast) -> Routes:
    """For build_service's `routes`."""

    def routes(service: Service) -> APIRouter:
        router = APIRouter()
        breakers = [layer for layer in service.layers if isinstance(layer, CircuitBreaker)]
        parts = [layer for layer in service.layers if isinstance(layer, Checked)]
        of_client = HttpClient(service)
        under_way: set[asyncio.Task[object]] = set()  # the event loop keeps only weak references

        def clean_up() -> None:
            task = asyncio.create_task(memory.clean_up())
            under_way.add(task)
            task.add_done_callback(under_way.discard)

        def reset() -> list[str]:
            return [name for layer in breakers for name in layer.circuits.reset()]

        orders.on(CLEAN_UP, clean_up)
        orders.on(RESET, reset)

        @router.get("/debug/stats", summary="Statistics of this worker: caches, upstreams, breakers (administrators)")
        async def stats(request: Request) -> Response:
            admin_of(request)
            return json_response(
                {
                    "worker": os.getpid(),
                    "workers": service.settings.workers,
                    "uptime": round(time.time() - service.started, 3),
                    "caches": {CACHES.get(name, name): numbers for name, numbers in (await caches_of(service)).items()},
                    "performance": {"http_client": {**of_client.checks()["http_client"], "upstreams": _each(service)}},
                    **{name: check for part in parts for name, check in part.checks().items()},
                }
            )

        @router.post("/debug/memory/cleanup", summary="Empty the caches and free memory (administrators)")
        async def memory_cleanup(request: Request) -> Response:
            admin_of(request)
            freed = await memory.clean_up()
            return json_response({**_who(orders.tell_others(CLEAN_UP)), "freed": freed.report()})

        @router.post("/debug/circuit-breakers/reset", summary="Close all circuit breakers (administrators)")
        async def circuit_breakers_reset(request: Request) -> Response:
            admin_of(request)
            return json_response({"closed": reset(), **_who(orders.tell_others(RESET))})

        def _who(told: bool) -> dict[str, Any]:
            workers = service.settings.workers
            return {"worker": os.getpid(), "workers": workers, "others": _others(workers, told)}

        return router

    return routes


def _each(service: Service) -> Mapping[str, Any]:
    assert isinstance(service.upstreams, Upstreams)
    tallies = service.upstreams.tallies
    return {name: {"under_way": each.under_way, **tally.report([each])} for name, each in tallies.items()}


def _others(workers: int, told: bool) -> str:
    if workers == 1:
        return "there are none"
    return "told; they follow within a second" if told else "could not be told: repeat until each has answered"
