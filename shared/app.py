"""Builds the FastAPI application of a demo: the service, its routes, and the middleware in front of them."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import SERVICE_NAME, __version__
from shared.accounts.prices import Prices
from shared.http.concurrency import ConcurrencyLimit
from shared.http.envelope import answer_errors_in_the_envelope
from shared.http.fast_path import Endpoint, FastPath, post_endpoints
from shared.http.request_id import RequestId
from shared.http.same_route import SameRoute
from shared.http.tags import OPEN
from shared.pipeline.layer import Innermost, Layer, Limiting, Resource
from shared.pipeline.reply import Relay
from shared.routes.generate import generate_routes
from shared.routes.health import health_routes
from shared.routes.root import root_routes
from shared.routes.schemas import ErrorResponse
from shared.service import MakeCheck, Routes, Service
from shared.settings import Settings

log = logging.getLogger(__name__)

Middleware = Callable[[ASGIApp], ASGIApp]
Gate = Callable[[ASGIApp, Collection[str]], ASGIApp]  # with the paths that need no token


def build_service(
    settings: Settings,
    *,
    title: str,
    layers: Sequence[Layer],
    upstreams: Innermost,
    routes: Sequence[Routes] = (),
    resources: Sequence[Resource] = (),
    gate: Gate | None = None,
    cors: Middleware | None = None,
    prices: Prices | None = None,
    relay: Relay | None = None,
    checks: Sequence[MakeCheck] = (),
) -> FastAPI:
    """The application of one demo.

    `upstreams` answers the calls that pass all layers. `routes` are added to those of demo 1. Several layers share the
    `resources` (a database, Redis), which open before the layers and close after them. `gate` protects the routes that
    do not go through the layers. `cors` stands before all routes and needs no token. Without `prices`, list prices
    apply, and PRICE_*_PER_1M for models without one. `relay` writes streams; pass your own to replace it. With
    `checks`, GET /health shows them next to the layers' checks, and says what is wrong.
    """
    service = Service(settings, title, layers, upstreams, prices, relay, checks)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            for resource in (*resources, *layers, service.upstreams, *service.checks):
                if isinstance(resource, Resource):
                    await _open(resource)
                    opened.push_async_callback(resource.close)
            yield

    # No /docs: its page loads scripts from the internet, and this must work offline. /openapi.json is served.
    app = _Application(
        title=title,
        version=__version__,
        summary=SERVICE_NAME,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    limits = [layer.most for layer in layers if isinstance(layer, Limiting)]
    app.state.longest_call = min(limits, default=settings.timeout)  # seconds
    answer_errors_in_the_envelope(app)
    fast: dict[str, Endpoint] = {}
    open_paths = set[str]()
    for make_routes in (root_routes, health_routes, generate_routes, *routes):
        router = make_routes(service)
        app.include_router(router, responses={"default": {"model": ErrorResponse}})
        fast |= post_endpoints(router)
        open_paths |= {route.path for route in router.routes if isinstance(route, APIRoute) and OPEN in route.tags}
    if gate is not None:
        app.add_middleware(gate, open_paths)
    app.add_middleware(FastPath, routes=fast)
    app.add_middleware(SameRoute)
    app.add_middleware(ConcurrencyLimit, limit=settings.uvicorn_limit_concurrency)
    if cors is not None:
        app.add_middleware(cors)
    app.add_middleware(RequestId)  # the last one added is the outermost
    return app


async def _open(resource: Resource) -> None:
    try:
        await resource.open()
    except Exception:
        log.exception("a bug: %s cannot be opened", type(resource).__name__)
        raise


class _Application(FastAPI):
    """FastAPI with our middleware outermost: behind FastAPI's own middleware, each request would cost a tenth more."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._around: ASGIApp = super().__call__

    def add_middleware(self, middleware_class: Any, *args: Any, **kwargs: Any) -> None:
        self._around = middleware_class(self._around, *args, **kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._around(scope, receive, send)
