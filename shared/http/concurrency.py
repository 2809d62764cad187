"""A limit on the requests in progress in this process. Further requests get 503 at once instead of waiting.

Health checks always pass: a busy process is not a dead one.
"""

from prometheus_client import Gauge
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.edge_metrics import refused
from shared.http.envelope import as_response
from shared.pipeline.errors import Overloaded
from shared.process.write_behind import Steps

NEVER_REFUSED = ("/health", "/ready", "/metrics")

active = Gauge("inference_active_connections", "Requests in progress", multiprocess_mode="livesum")


class ConcurrencyLimit:
    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit
        self.serving = 0
        self._active = Steps(active)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in NEVER_REFUSED:
            return await self.app(scope, receive, send)
        if self.serving >= self.limit:
            busy = Overloaded(f"{self.limit} requests are already in progress", retry_after=1)
            refused(busy)
            return await as_response(Request(scope), busy)(scope, receive, send)
        self.serving += 1
        self._active.inc()
        try:
            await self.app(scope, receive, send)
        finally:
            self.serving -= 1
            self._active.inc(-1)
