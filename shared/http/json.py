"""JSON in and out, at the edge: reads a body up to a limit, and writes an object as a response."""

from collections.abc import Mapping

import orjson
from fastapi.responses import Response
from starlette.requests import Request

from shared.http.disconnect import ClientLeft
from shared.pipeline.errors import PayloadTooLarge, UnsupportedMediaType


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type="application/json")


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes. Raises PayloadTooLarge, UnsupportedMediaType, ClientLeft."""
    content_type = request.headers.get("content-type", "application/json")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(f"the body must be application/json, not {media_type[:100] or 'nothing'}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", ""):
        raise UnsupportedMediaType(f"the body has the Content-Encoding {encoding[:100]}; send it as plain JSON")
    too_large = PayloadTooLarge(f"the body is larger than {limit} bytes")
    if int(request.headers.get("content-length", 0)) > limit:
        raise too_large
    blocks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        blocks.append(message.get("body", b""))
        size, more = size + len(blocks[-1]), message.get("more_body", False)
        if size > limit:
            raise too_large
    return b"".join(blocks)
