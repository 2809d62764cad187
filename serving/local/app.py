"""The routes, as one ASGI application.

In: the models by the names under which they are served, and the parts that the routes share. Out: a Starlette app.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serving.local.access import Access
from serving.local.admin import Admin
from serving.local.call_log import Calls
from serving.local.chat import ChatCompletions
from serving.local.completion import Model
from serving.local.errors import ApiError, model_not_found
from serving.local.faults import Faults
from serving.local.metrics import Metrics


class App:
    def __init__(self, models: Mapping[str, Model], metrics: Metrics, access: Access, started: int) -> None:
        self._models = models
        self._metrics = metrics
        self._access = access
        self._started = started

    async def list_models(self, request: Request) -> Response:
        self._access.check(request.headers.get("authorization"))
        return JSONResponse({"object": "list", "data": [self._card(name) for name in self._models]})

    async def one_model(self, request: Request) -> Response:
        self._access.check(request.headers.get("authorization"))
        name = request.path_params["name"]
        if name not in self._models:
            raise model_not_found(name)
        return JSONResponse(self._card(name))

    async def health(self, request: Request) -> Response:
        states = {name: "ready" if model.ready else "loading" for name, model in self._models.items()}
        ready = all(model.ready for model in self._models.values())
        return JSONResponse({"status": "healthy" if ready else "loading", "models": states}, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def _card(self, name: str) -> dict[str, object]:
        model = self._models[name]
        card = {"id": name, "object": "model", "created": self._started, "owned_by": "workshop"}
        return card | {"root": model.name, "max_model_len": model.context_tokens}


def build(
    app: App,
    models: Mapping[str, Model],
    faults: Faults,
    calls: Calls,
    access: Access,
    *,
    admin: bool,
    max_body_bytes: int,
) -> Starlette:
    routes = [
        Route("/v1/chat/completions", ChatCompletions(models, faults, calls, access, max_body_bytes), methods=["POST"]),
        Route("/v1/models", app.list_models),
        Route("/v1/models/{name:path}", app.one_model),
        Route("/health", app.health),
        Route("/metrics", app.metrics),
    ]
    if admin:
        routes += Admin(faults, calls, access).routes()
    return Starlette(routes=routes, exception_handlers={ApiError: _api_error, HTTPException: _http_error})


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), error.status, dict(error.headers))


async def _http_error(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405, in OpenAI's shape."""
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}."
    return JSONResponse(ApiError(error.status_code, message).body(), error.status_code, error.headers)
