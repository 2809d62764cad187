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


async def caches_of(service: Service) -> Mapping[str, Any]:
    """The statistics of each cache, by its name."""
    report: dict[str, Any] = {}
    for layer in service.layers:
        if isinstance(layer, Reporting):
            report |= await layer.report()
    return report


def cache_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/cache/stats", summary="Statistics of each cache: entries, hits, misses, bytes")
    async def stats() -> Response:
        return json_response(await caches_of(service))

    return router
