"""POST /v1/chat/completions: OpenAI's API, whole or streamed. Fields that we do not read pass through unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.http.json import JsonBytes
from shared.pipeline.call import ChatRequest
from shared.routes.endpoint import STREAM, WHOLE, documented, open_call, settled_answer
from shared.routes.schemas import ChatCompletionRequest
from shared.routes.streaming import OpenAIChunks, answer_stream

if TYPE_CHECKING:
    from shared.service import Service

WRONG_REQUEST = 400  # OpenAI's status for an invalid request; our own routes answer 422


def chat_routes(service: Service) -> APIRouter:
    router = APIRouter()
    chunks = OpenAIChunks()

    def to_chat(asked: ChatCompletionRequest) -> ChatRequest:
        extra = asked.model_extra or {}
        if asked.stream_options:
            extra["stream_options"] = asked.stream_options
        return ChatRequest(
            model=asked.model or service.settings.model,
            messages=tuple(asked.messages),
            temperature=asked.temperature,
            max_tokens=asked.max_tokens,
            stream=bool(asked.stream),
            extra=extra,
        )

    description = documented(ChatCompletionRequest, None, (WHOLE, STREAM))

    @router.post("/v1/chat/completions", summary="OpenAI's chat API", **description)
    async def chat(request: Request) -> Response:
        # region: chat-answer
        call = await open_call(service, request, ChatCompletionRequest, to_chat, invalid_status=WRONG_REQUEST)
        if call.request.stream:
            return await answer_stream(service, request, call, chunks)
        reply = await settled_answer(service, request, call)
        assert call.outcome is not None
        headers = {**call.response_headers, "X-Cost-USD": f"{call.outcome.cost_usd:.6f}"}
        return JsonBytes(reply.raw, headers=headers)
        # endregion: chat-answer

    return router
