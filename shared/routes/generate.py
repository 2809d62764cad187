"""POST /generate: a prompt in, the answer with its tokens, cost and latency out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from shared.pipeline.call import ChatRequest
from shared.routes.endpoint import answer_whole, documented, open_call
from shared.routes.schemas import DEFAULT_MAX_TOKENS, DEFAULT_TEMPERATURE, GenerateRequest

if TYPE_CHECKING:
    from shared.service import Service


def generate_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.post("/generate", summary="Answer a prompt", **documented(GenerateRequest))
    async def generate(request: Request) -> Response:
        call = await open_call(service, request, GenerateRequest, partial(to_chat, service))
        return await answer_whole(service, request, call)

    return router


def to_chat(service: Service, asked: GenerateRequest, *, stream: bool = False) -> ChatRequest:
    model = asked.model or service.settings.model
    return prompt_request(model, asked.prompt, said(asked, "temperature"), said(asked, "max_tokens"), stream=stream)


def said(asked: BaseModel, name: str) -> Any:
    """The caller's own value of a field; None if it is a default."""
    return getattr(asked, name) if name in asked.model_fields_set else None


def prompt_request(
    model: str, prompt: str, temperature: float | None, max_tokens: int | None, *, stream: bool = False
) -> ChatRequest:
    """A prompt as a chat request with one message. For None, it gets the defaults of /generate."""
    return ChatRequest(
        model=model,
        messages=({"role": "user", "content": prompt},),
        temperature=DEFAULT_TEMPERATURE if temperature is None else temperature,
        max_tokens=DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens,
        stream=stream,
        added=frozenset(
            name for name, value in (("temperature", temperature), ("max_tokens", max_tokens)) if value is None
        ),
    )
