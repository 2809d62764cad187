"""GET /cache/stats: what the caches of this process hold, and how often they helped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from fastapi import APIRouter
from fastapi.responses import Response

from shared.http.json import json_response

if TYPE_CHECKING:
    from shared.service import Service


@runtime_checkable
class Reporting(Protocol):
    """A layer with statistics of its caches, by name."""

    async def report(self) -> Mapping[str, Any]: ...


def cache_routes(service: Service) -> APIRouter:
    router = APIRouter()
    layers = [layer for layer in service.layers if isinstance(layer, Reporting)]

    @router.get("/cache/stats", summary="Statistics of each cache: entries, hits, misses, bytes")
    async def stats() -> Response:
        report: dict[str, Any] = {}
        for layer in layers:
            report |= await layer.report()
        return json_response(report)

    return router
