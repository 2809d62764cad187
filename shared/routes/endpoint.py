"""The common part of all generating routes: body in, Call through the stack, our JSON out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.requests import Request

from shared.http.disconnect import while_connected
from shared.http.json import json_response, read_body
from shared.http.tags import GENERATING
from shared.http_client.headers import by_name
from shared.pipeline.call import EMPTY_REQUEST, Call, ChatRequest
from shared.pipeline.errors import InvalidRequest, ServiceError
from shared.pipeline.reply import Completion
from shared.pipeline.validation import parse
from shared.routes.schemas import GenerateResponse

if TYPE_CHECKING:
    from shared.service import Service

M = TypeVar("M", bound=BaseModel)


async def open_call(
    service: Service,
    request: Request,
    schema: type[M],
    to_chat: Callable[[M], ChatRequest],
    invalid_status: int = InvalidRequest.status,
) -> Call:
    """The request as a Call. An invalid body becomes the call's refusal, which the stack raises and logs."""
    call = open_endpoint(request)
    call.invalid_status = invalid_status
    try:
        body = await read_body(request, service.settings.max_body_bytes)
        call.request = to_chat(parse(schema, body))
    except ServiceError as refusal:
        call.refusal = refusal
    return call


def open_endpoint(request: Request) -> Call:
    """A Call with its origin, but without the chat request yet."""
    return Call(
        EMPTY_REQUEST,
        endpoint=request.scope["path"],
        request_id=request.scope["state"]["request_id"],
        headers=by_name(request.scope["headers"]),
        peer=client[0] if (client := request.scope.get("client")) else "",
    )


async def settled_answer(service: Service, request: Request, call: Call) -> Completion:
    """The finished answer of a call; the call is settled. Raises ServiceError, ClientLeft."""
    reply = await while_connected(request, service.answer(call))
    assert isinstance(reply, Completion)
    return reply


async def answer_whole(service: Service, request: Request, call: Call) -> Response:
    """The finished answer of a call with its metadata, as our own routes give it. Raises ServiceError, ClientLeft."""
    reply = await settled_answer(service, request, call)
    return json_response(whole(call, reply), headers=call.response_headers)


def whole(call: Call, reply: Completion) -> dict[str, Any]:
    return {"request_id": call.request_id, "output": reply.text, "metadata": metadata(call)}


def metadata(call: Call) -> dict[str, Any]:
    """The metadata of a settled call."""
    outcome = call.outcome
    assert outcome is not None
    usage = outcome.usage
    return {
        "model": outcome.model,
        "tokens": {"input": usage.input, "output": usage.output, "total": usage.total},
        "cost_usd": outcome.cost_usd,
        "price_source": outcome.price_source,
        "latency_ms": round(call.elapsed_ms(), 2),
        **call.metadata,
    }


WHOLE, STREAM = "application/json", "text/event-stream"


def documented(
    schema: type[BaseModel], answer: type[BaseModel] | None = GenerateResponse, types: Sequence[str] = (WHOLE,)
) -> dict[str, Any]:
    """The OpenAPI description of a route that takes `schema`. These routes read their body themselves.

    `answer` is the shape of a whole answer; None for one that the upstream gives. `types` are its content types.
    """
    ok: dict[str, Any] = {"content": {kind: {} for kind in types}}
    if answer is not None and WHOLE in types:
        ok["model"] = answer
    return {
        "tags": [GENERATING],
        "response_class": JSONResponse if WHOLE in types else Response,
        "responses": {200: ok},
        "openapi_extra": {"requestBody": {"required": True, "content": {WHOLE: {"schema": _in_one_piece(schema)}}}},
    }


def _in_one_piece(schema: type[BaseModel]) -> Any:
    """The JSON schema with its parts where they are used: a reference would be read from the document's root."""
    whole = schema.model_json_schema()
    parts = whole.pop("$defs", {})

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            reference = value.get("$ref", "").removeprefix("#/$defs/") if isinstance(value.get("$ref"), str) else ""
            rest = {name: put(inner) for name, inner in value.items() if name != "$ref"}
            return {**put(parts[reference]), **rest} if reference else rest
        return [put(inner) for inner in value] if isinstance(value, list) else value

    return put(whole)
