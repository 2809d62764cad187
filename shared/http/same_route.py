"""Requests that mean the same route: with a slash at the end of the path, and with HEAD instead of GET.

A redirect would be wrong: behind a proxy that ends TLS it leads to http://, and clients drop their key on the way.
uvicorn leaves the body out of an answer to HEAD.
"""

from starlette.types import ASGIApp, Receive, Scope, Send


class SameRoute:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path.endswith("/") and path != "/":
                scope = {**scope, "path": path.rstrip("/") or "/"}
            if scope["method"] == "HEAD":
                scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)
