"""GET /health: this process is alive. GET /ready: and its upstream answers, so send it traffic."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import Response

from shared import SERVICE_NAME, __version__
from shared.errors import UpstreamUnavailable
from shared.routes.json import json_response

if TYPE_CHECKING:
    from shared.service import Service

REMEMBERED = 1.0  # seconds; probes of many load balancers must not become load on the upstream


def health_routes(service: Service) -> APIRouter:
    router = APIRouter()
    asked, answered = 0.0, False

    # region: health
    @router.get("/health", summary="Is this process alive?")
    async def health() -> Response:
        now = time.time()
        return json_response(
            {
                "status": "healthy",
                "service": SERVICE_NAME,
                "timestamp": now,
                "version": __version__,
                "uptime": round(now - service.started, 3),
            }
        )

    # endregion: health

    @router.get("/ready", summary="Does the upstream answer?")
    async def ready() -> Response:
        nonlocal asked, answered
        if time.monotonic() - asked > REMEMBERED:
            answered = await service.upstreams.ready()
            asked = time.monotonic()
        if not answered:
            raise UpstreamUnavailable("the upstream does not answer", retry_after=1)
        return json_response({"status": "ready", "service": SERVICE_NAME})

    return router
