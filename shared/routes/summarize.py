"""POST /summarize: a text in, its summary out, in the format of /generate. Temperature 0, so it can be cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.pipeline.call import ChatRequest
from shared.pipeline.errors import InvalidRequest
from shared.routes.endpoint import answer_whole, documented, open_call
from shared.routes.schemas import SummarizeRequest

if TYPE_CHECKING:
    from shared.service import Service

INSTRUCTIONS = "Summarize the user's text in at most three sentences."
IN_LANGUAGE = " Write the summary in this language: {language}."
DEFAULT_MAX_TOKENS = 300


def summarize_routes(service: Service) -> APIRouter:
    router = APIRouter()

    def to_chat(asked: SummarizeRequest) -> ChatRequest:
        longest = service.settings.max_chars
        if len(asked.text) > longest:  # the input guard would call the text a prompt
            raise InvalidRequest(
                f"the text has {len(asked.text)} characters; the limit is {longest}", param="text", code="text_too_long"
            )
        return ChatRequest(
            model=asked.model or service.settings.model,
            messages=({"role": "user", "content": asked.text},),
            temperature=0.0,
            max_tokens=asked.max_tokens or DEFAULT_MAX_TOKENS,
            added=frozenset({"temperature"} if asked.max_tokens else {"temperature", "max_tokens"}),
            instructions=INSTRUCTIONS + (IN_LANGUAGE.format(language=asked.language) if asked.language else ""),
        )

    @router.post("/summarize", summary="Summarize a text", **documented(SummarizeRequest))
    async def summarize(request: Request) -> Response:
        call = await open_call(service, request, SummarizeRequest, to_chat)
        return await answer_whole(service, request, call)

    return router
