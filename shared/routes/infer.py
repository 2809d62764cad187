"""POST /v1/infer and /v1/infer/stream: /generate with the field names of model servers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.pipeline.call import ChatRequest
from shared.routes.endpoint import STREAM, answer_whole, documented, open_call
from shared.routes.generate import prompt_request, said
from shared.routes.schemas import InferRequest
from shared.routes.streaming import Deltas, answer_stream

if TYPE_CHECKING:
    from shared.service import Service


def infer_routes(service: Service) -> APIRouter:
    router = APIRouter()
    deltas = Deltas()

    def to_chat(asked: InferRequest, *, stream: bool = False) -> ChatRequest:
        params = asked.params
        model = asked.model or service.settings.model
        temperature, max_tokens = said(params, "temperature"), said(params, "max_new_tokens")
        return prompt_request(model, asked.prompt, temperature, max_tokens, stream=stream)

    @router.post("/v1/infer", summary="Answer a prompt", **documented(InferRequest))
    async def infer(request: Request) -> Response:
        return await answer_whole(service, request, await open_call(service, request, InferRequest, to_chat))

    @router.post("/v1/infer/stream", summary="Answer a prompt as a stream", **documented(InferRequest, types=(STREAM,)))
    async def stream(request: Request) -> Response:
        call = await open_call(service, request, InferRequest, partial(to_chat, stream=True))
        return await answer_stream(service, request, call, deltas)

    return router
