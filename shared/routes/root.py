"""GET /: the service, the layers that a call passes, and the routes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared import SERVICE_NAME, __version__
from shared.http.json import json_response
from shared.http.tags import OPEN

if TYPE_CHECKING:
    from shared.service import Service


def root_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/", tags=[OPEN], summary="The service, its layers and its routes")
    async def root(request: Request) -> Response:
        return json_response(
            {
                "service": SERVICE_NAME,
                "title": service.title,
                "version": __version__,
                "model": service.settings.model,
                "layers": [_describe(layer) for layer in service.layers],
                "routes": [
                    f"{method.upper()} {path}"
                    for path, methods in request.app.openapi()["paths"].items()
                    for method in methods
                ],
            }
        )

    return router


def _describe(layer: object) -> dict[str, Any]:
    does = (inspect.getdoc(inspect.getmodule(type(layer))) or "").split("\n")[0]
    return {"name": type(layer).__name__, "does": does}
