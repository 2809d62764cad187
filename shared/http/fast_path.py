"""The generating routes, reached in one dictionary look-up instead of through FastAPI's router.

FastAPI declares these routes and could answer them with the same endpoint functions. But its middleware and routing
take a third of a request's CPU here (`make bench`), and a gateway does nothing but serve requests.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.envelope import as_response
from shared.http.tags import GENERATING

Endpoint = Callable[[Request], Awaitable[Response]]


class FastPath:
    """Answers POST on the paths of `routes`; hands everything else to `app`."""

    def __init__(self, app: ASGIApp, routes: Mapping[str, Endpoint]) -> None:
        self.app = app
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self.routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if endpoint is None:
            return await self.app(scope, receive, send)
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except Exception as error:
            response = as_response(request, error)
        await response(scope, receive, send)


def post_endpoints(router: APIRouter) -> dict[str, Endpoint]:
    """Path and endpoint of each generating POST route; their functions take the request and nothing else."""
    return {
        route.path: route.endpoint
        for route in router.routes
        if isinstance(route, APIRoute) and route.methods == {"POST"} and GENERATING in route.tags
    }
