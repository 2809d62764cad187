"""JSON in and out, at the edge: reads a body up to a limit, and writes an object as a response."""

from collections.abc import Mapping

import orjson
from fastapi.responses import Response
from starlette.requests import Request

from shared.http.disconnect import ClientLeft
from shared.http_client.headers import NO_HEADERS
from shared.pipeline.errors import PayloadTooLarge, UnsupportedMediaType

JSON = b"application/json"


class JsonBytes(Response):
    """JSON that is already written. Starlette's own Response takes three times as long to encode the headers."""

    def __init__(self, body: bytes, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [(_encoded[name], value.encode("latin-1")) for name, value in headers.items()]
        self.raw_headers += ((b"content-length", b"%d" % len(body)), (b"content-type", JSON))


class _Encoded(dict[str, bytes]):
    """The names of headers as they are sent. Our own code chooses them, so there are few."""

    def __missing__(self, name: str) -> bytes:
        encoded = self[name] = name.lower().encode("latin-1")
        return encoded


_encoded = _Encoded()


def json_response(content: object, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    return JsonBytes(orjson.dumps(content), status, headers)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes. Raises PayloadTooLarge, UnsupportedMediaType, ClientLeft."""
    for name, value in request.scope["headers"]:
        if name == b"content-type" and value != JSON:
            _check_type(value.decode("latin-1"))
        elif name == b"content-encoding":
            _check_encoding(value.decode("latin-1"))
        elif name == b"content-length" and int(value) > limit:
            raise _too_large(limit)
    blocks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        blocks.append(message.get("body", b""))
        size, more = size + len(blocks[-1]), message.get("more_body", False)
        if size > limit:
            raise _too_large(limit)
    return b"".join(blocks)


def _check_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(f"the body must be application/json, not {media_type[:100] or 'nothing'}")


def _check_encoding(encoding: str) -> None:
    encoding = encoding.strip().lower()
    if encoding not in ("identity", ""):
        raise UnsupportedMediaType(f"the body has the Content-Encoding {encoding[:100]}; send it as plain JSON")


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body is larger than {limit} bytes")
