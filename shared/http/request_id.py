"""An id for every request, on every reply: the client's own `X-Request-ID` if it is sane, a UUID otherwise.

From here on, the id is in `request.state.request_id`.
"""

import logging
import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.logs.json_lines import serving

log = logging.getLogger(__name__)

HEADER = b"x-request-id"
# Sane: short, and without characters that could break a log line, a header or a shell.
SANE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class RequestId:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request_id = _from_client(scope) or str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        serving.set(request_id)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            # For example after the response has begun. Nothing further out knows the id.
            fields = {"request_id": request_id}
            log.exception("a bug: %s %s failed", scope["method"], scope["path"], extra={"fields": fields})
            raise


def _from_client(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER:
            return value.decode("ascii") if SANE.fullmatch(value) else None
    return None
