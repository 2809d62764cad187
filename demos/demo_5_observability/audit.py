"""Demo 5 with one addition: an audit of all requests. A drill asks what is wrong with it.

`python -m shared.server demos.demo_5_observability.audit:build` runs it.
"""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from demos.demo_5_observability.app import build as demo_5
from shared.settings import Settings

RECORD = 200_000  # bytes that the audit keeps for each request


class Audit:
    """ASGI middleware with a memory that only grows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._records: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            self._records.append(b"\xff" * RECORD)
        await self.app(scope, receive, send)


def build(settings: Settings) -> FastAPI:
    app = demo_5(settings)
    app.add_middleware(Audit)
    return app
