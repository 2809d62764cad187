"""GET /metrics: all counters and timings, in the format of Prometheus.

They show users and their spend. So where tokens are required, this takes METRICS_TOKEN or an administrator's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from shared.http.auth_gate import admin_of
from shared.http.tags import OPEN
from shared.telemetry.exposition import Exposition

if TYPE_CHECKING:
    from shared.service import Service


def metrics_routes(service: Service) -> APIRouter:
    router = APIRouter()
    exposition = Exposition()
    guarded = service.settings.api_keys_required

    @router.get(
        "/metrics", tags=[] if guarded else [OPEN], summary="Metrics for Prometheus", response_class=PlainTextResponse
    )
    async def metrics(request: Request) -> Response:
        if guarded:
            admin_of(request)
        page, content_type = await exposition.page(request.headers.get("accept", ""))
        return Response(page, media_type=content_type)

    return router
