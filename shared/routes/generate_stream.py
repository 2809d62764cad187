"""POST /generate/stream: what /generate answers, as it is generated, in server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.call import ChatRequest
from shared.routes.endpoint import documented, open_call
from shared.routes.generate import prompt_request
from shared.routes.streaming import Deltas, answer_stream
from shared.schemas import GenerateRequest

if TYPE_CHECKING:
    from shared.service import Service


def generate_stream_routes(service: Service) -> APIRouter:
    router = APIRouter()
    deltas = Deltas()

    def to_chat(asked: GenerateRequest) -> ChatRequest:
        model = asked.model or service.settings.model
        return prompt_request(model, asked.prompt, asked.temperature, asked.max_tokens, stream=True)

    # region: generate-stream-route
    @router.post("/generate/stream", summary="Answer a prompt, as it is generated", **documented(GenerateRequest))
    async def generate_stream(request: Request) -> Response:
        call = await open_call(service, request, GenerateRequest, to_chat)
        return await answer_stream(service, request, call, deltas)

    # endregion: generate-stream-route
    return router
