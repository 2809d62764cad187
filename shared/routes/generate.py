"""POST /generate: a prompt in, the answer with its tokens, cost and latency out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.call import ChatRequest
from shared.routes.endpoint import answer_whole, documented, open_call
from shared.schemas import GenerateRequest

if TYPE_CHECKING:
    from shared.service import Service


def generate_routes(service: Service) -> APIRouter:
    router = APIRouter()

    def to_chat(asked: GenerateRequest) -> ChatRequest:
        return ChatRequest(
            model=asked.model or service.settings.model,
            messages=({"role": "user", "content": asked.prompt},),
            temperature=0.7 if asked.temperature is None else asked.temperature,
            max_tokens=1000 if asked.max_tokens is None else asked.max_tokens,
        )

    # region: generate-route
    @router.post("/generate", summary="Answer a prompt", **documented(GenerateRequest))
    async def generate(request: Request) -> Response:
        call = await open_call(service, request, GenerateRequest, to_chat)
        return await answer_whole(service, request, call)

    # endregion: generate-route
    return router
