"""The common part of all streaming routes: the call through the stack, then its events, until the end or a failure.

A 200 is sent only with the first token, so a failure before it is an error like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from fastapi.responses import Response
from starlette.requests import Request

from shared.http.disconnect import while_connected
from shared.http.event_stream import EventStream
from shared.http.relay import error_event, relay
from shared.pipeline.call import Call
from shared.pipeline.errors import ShuttingDown
from shared.pipeline.reply import Chunk, Format, TokenStream
from shared.routes.endpoint import metadata
from shared.upstream.sse import comment, event

if TYPE_CHECKING:
    from shared.service import Service


async def answer_stream(service: Service, request: Request, call: Call, format: Format) -> Response:
    """The answer of a call as it is generated. Raises ServiceError or ClientLeft, only before the first token."""
    stream = await while_connected(request, service.answer(call))
    assert isinstance(stream, TokenStream)
    settings = service.settings
    return EventStream(
        (service.relay or relay)(call, stream, format),
        headers=call.response_headers,
        keepalive=settings.stream_keepalive_sec,
        patience=settings.stream_silence_timeout,
        farewell=error_event(call, ShuttingDown()),
    )


class Deltas:
    """The stream of our own routes: the text in pieces, then the same metadata as in a whole answer."""

    def chunk(self, chunk: Chunk) -> bytes:
        return event(orjson.dumps({"delta": chunk.text})) if chunk.text else b""

    def end(self, call: Call) -> bytes:
        return event(orjson.dumps({"request_id": call.request_id, "metadata": metadata(call)}))


class OpenAIChunks:
    """OpenAI's stream: the upstream's frames, byte for byte. The metadata is a comment, which clients ignore."""

    def chunk(self, chunk: Chunk) -> bytes:
        return chunk.wire

    def end(self, call: Call) -> bytes:
        return comment(orjson.dumps({"metadata": metadata(call)}))
