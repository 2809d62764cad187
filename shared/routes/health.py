"""GET /health: this process is alive, and the state of its parts. GET /ready: an upstream answers, so send it work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import Response

from shared import SERVICE_NAME, __version__
from shared.health.problems import what_is_wrong
from shared.http.json import json_response
from shared.http.tags import OPEN
from shared.pipeline.errors import UpstreamUnavailable
from shared.pipeline.layer import Checked, Refusing

if TYPE_CHECKING:
    from shared.service import Service

HEALTHY, DEGRADED = "healthy", "degraded"
REMEMBERED = 1.0  # seconds; the probes of many load balancers must not load the upstream


def health_routes(service: Service) -> APIRouter:
    router = APIRouter()
    checked = [part for part in (*service.checks, *service.layers) if isinstance(part, Checked)]
    refusing = [layer for layer in service.layers if isinstance(layer, Refusing)]
    asked, answered = 0.0, False

    @router.get("/health", tags=[OPEN], summary="Is this process alive?")
    async def health() -> Response:
        now = time.time()
        health: dict[str, Any] = {
            "status": HEALTHY,
            "service": SERVICE_NAME,
            "timestamp": now,
            "version": __version__,
            "uptime": round(now - service.started, 3),
        }
        checks = {name: check for part in checked for name, check in part.checks().items()}
        if service.checks:  # a service that also judges itself; it is alive in any case, so the status is 200
            wrong = what_is_wrong(checks)
            checks = {name: {"status": DEGRADED if name in wrong else HEALTHY, **checks[name]} for name in checks}
            health["wrong"] = [sentence for of_one in wrong.values() for sentence in of_one]
            health["status"] = DEGRADED if wrong else HEALTHY
        if checks:
            health["checks"] = checks
        return json_response(health)

    @router.get("/ready", tags=[OPEN], summary="Does the upstream answer?")
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
