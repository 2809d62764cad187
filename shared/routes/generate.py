"""POST /generate: a prompt in, the answer with its tokens, cost and latency out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.asgi.disconnect import while_connected
from shared.call import EMPTY_REQUEST, Call, ChatRequest
from shared.errors import ServiceError
from shared.reply import Completion
from shared.routes.json import json_response, parse, read_body
from shared.schemas import ErrorResponse, GenerateRequest, GenerateResponse

if TYPE_CHECKING:
    from shared.service import Service

DOCUMENTED: dict[str, Any] = {
    "responses": {200: {"model": GenerateResponse}, "default": {"model": ErrorResponse}},
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": GenerateRequest.model_json_schema()}},
        }
    },
}


def generate_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/generate", summary="Answer a prompt", **DOCUMENTED)
    async def generate(request: Request) -> Response:
        call = Call(EMPTY_REQUEST, endpoint="/generate", request_id=request.state.request_id)
        try:
            body = await read_body(request, service.settings.max_body_bytes)
            call.request = _chat(parse(GenerateRequest, body), service.settings.model)
        except ServiceError as refusal:
            call.refusal = refusal
        reply = await while_connected(request, service.answer(call))
        assert isinstance(reply, Completion)
        return json_response(_response(call, reply), headers=call.response_headers)

    return router


def _chat(asked: GenerateRequest, default_model: str) -> ChatRequest:
    return ChatRequest(
        model=asked.model or default_model,
        messages=({"role": "user", "content": asked.prompt},),
        temperature=0.7 if asked.temperature is None else asked.temperature,
        max_tokens=1000 if asked.max_tokens is None else asked.max_tokens,
    )


def _response(call: Call, completion: Completion) -> dict[str, Any]:
    outcome = call.outcome
    assert outcome is not None
    return {
        "request_id": call.request_id,
        "output": completion.text,
        "metadata": {
            "model": completion.model,
            "tokens": {"input": outcome.usage.input, "output": outcome.usage.output, "total": outcome.usage.total},
            "cost_usd": outcome.cost_usd,
            "price_source": outcome.price_source,
            "latency_ms": round(call.elapsed_ms(), 2),
        },
    }
