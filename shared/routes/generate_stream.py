"""POST /generate/stream: the answer of /generate, streamed as it is generated, in server-sent events."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.routes.endpoint import STREAM, documented, open_call
from shared.routes.generate import to_chat
from shared.routes.schemas import GenerateRequest
from shared.routes.streaming import Deltas, answer_stream

if TYPE_CHECKING:
    from shared.service import Service


def generate_stream_routes(service: Service) -> APIRouter:
    router = APIRouter()
    deltas = Deltas()

    @router.post(
        "/generate/stream", summary="Answer a prompt as a stream", **documented(GenerateRequest, types=(STREAM,))
    )
    async def generate_stream(request: Request) -> Response:
        call = await open_call(service, request, GenerateRequest, partial(to_chat, service, stream=True))
        return await answer_stream(service, request, call, deltas)

    return router
