"""An id for every request, on every reply: the client's own `X-Request-ID` if it is sane, a UUID otherwise.

From here on, the id is in `request.state.request_id`.
"""

import logging
import random
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.logs.json_lines import serving

log = logging.getLogger(__name__)

HEADER = b"x-request-id"
# Sane: short, and without characters that could break a log line, a header or a shell.
SANE = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
FIXED = 0xF << 76 | 0x3 << 62  # the bits of a UUID that say which kind it is
VERSION_4 = 0x4 << 76 | 0x2 << 62


class RequestId:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request_id = _from_client(scope) or new_request_id()
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


def new_request_id() -> str:
    """A random UUID (RFC 9562, version 4). It is a name and no secret, so it needs no randomness of the system's."""
    digits = f"{random.getrandbits(128) & ~FIXED | VERSION_4:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _from_client(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER:
            return value.decode("ascii") if SANE.fullmatch(value) else None
    return None
