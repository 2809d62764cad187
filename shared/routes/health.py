"""GET /health: this process is alive, and how its parts are. GET /ready: an upstream answers, so send it work."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from fastapi import APIRouter
from fastapi.responses import Response

from shared import SERVICE_NAME, __version__
from shared.errors import ServiceError, UpstreamUnavailable
from shared.health.judgement import what_is_wrong
from shared.routes.json import json_response

if TYPE_CHECKING:
    from shared.service import Service

REMEMBERED = 1.0  # seconds; probes of many load balancers must not become load on the upstream


@runtime_checkable
class Checked(Protocol):
    """Who can say how it is, at once. A breaker that is open is no reason to restart a process that is alive."""

    def checks(self) -> Mapping[str, Any]: ...


@runtime_checkable
class Refusing(Protocol):
    """A layer that may have reason to take no work at all: None while it has none."""

    def refusal(self) -> ServiceError | None: ...


def health_routes(service: Service) -> APIRouter:
    router = APIRouter()
    checked = [part for part in (*service.checks, *service.layers) if isinstance(part, Checked)]
    refusing = [layer for layer in service.layers if isinstance(layer, Refusing)]
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
            health["checks"] = {name: check for part in checked for name, check in part.checks().items()}
        if service.checks:  # a service that is built to judge itself; alive it is in any case, so the status is 200
            health["wrong"] = list(what_is_wrong(health["checks"]))
            health["status"] = "degraded" if health["wrong"] else "healthy"
        return json_response(health)

    # endregion: health

    @router.get("/ready", summary="Does the upstream answer?")
    async def ready() -> Response:
        nonlocal asked, answered
        for layer in refusing:
            if refusal := layer.refusal():
                raise refusal
        if time.monotonic() - asked > REMEMBERED:
            answered = await service.upstreams.ready()
            asked = time.monotonic()
        if not answered:
            raise UpstreamUnavailable("the upstream does not answer", retry_after=1)
        return json_response({"status": "ready", "service": SERVICE_NAME})

    return router
