"""GET /health: this process is alive, and how its parts are. GET /ready: an upstream answers, so send it traffic."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from fastapi import APIRouter
from fastapi.responses import Response

from shared import SERVICE_NAME, __version__
from shared.errors import UpstreamUnavailable
from shared.routes.json import json_response

if TYPE_CHECKING:
    from shared.service import Service

REMEMBERED = 1.0  # seconds; probes of many load balancers must not become load on the upstream


@runtime_checkable
class Checked(Protocol):
    """A layer that can say how it is. A breaker that is open is no reason to restart a process that is alive."""

    def checks(self) -> Mapping[str, Any]: ...


def health_routes(service: Service) -> APIRouter:
    router = APIRouter()
    checked = [layer for layer in service.layers if isinstance(layer, Checked)]
    asked, answered = 0.0, False

    # region: health
    @router.get("/health", summary="Is this process alive?")
    async def health() -> Response:
        now = time.time()
        health: dict[str, Any] = {
            "status": "healthy",
            "service": SERVICE_NAME,
            "timestamp": now,
            "version": __version__,
            "uptime": round(now - service.started, 3),
        }
        if checked:
            health["checks"] = {name: check for layer in checked for name, check in layer.checks().items()}
        return json_response(health)

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
