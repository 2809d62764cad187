"""JSON in and out, at the edge: a body read with a limit and checked against a schema; an object as a response."""

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from shared.asgi.disconnect import ClientLeft
from shared.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType

M = TypeVar("M", bound=BaseModel)


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type="application/json")


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes. Raises PayloadTooLarge, UnsupportedMediaType, ClientLeft."""
    content_type = request.headers.get("content-type", "application/json")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(f"the body must be application/json, not {media_type[:100] or 'nothing'}")
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


def parse(schema: type[M], body: bytes) -> M:
    """The body as a `schema`. Raises InvalidRequest, which says what was wrong and where."""
    try:
        return schema.model_validate_json(body)
    except ValidationError as invalid:
        raise _refusal(invalid) from None


def validated(schema: type[M], document: object) -> M:
    """The same for JSON that has been read already."""
    try:
        return schema.model_validate(document)
    except ValidationError as invalid:
        raise _refusal(invalid) from None


def _refusal(invalid: ValidationError) -> InvalidRequest:
    errors = invalid.errors(include_url=False)
    if errors[0]["type"] == "json_invalid":
        reason = errors[0]["msg"].removeprefix("Invalid JSON: ")
        return InvalidRequest(f"the body is not valid JSON: {reason}", code="invalid_json")
    return InvalidRequest("; ".join(map(_complaint, errors)), param=_field(errors[0]) or None)


def _complaint(error: Any) -> str:
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    field = _field(error)
    return f"{field}: {message}" if field else f"the body: {message}"


def _field(error: Any) -> str:
    return ".".join(str(part) for part in error["loc"])
