"""What every streaming route does alike: the call through the stack, then its events, to the end or to the break.

A 200 is sent only with the first token, so all that fails before is an error like any other. After it, a failure is an
event of its own, and `[DONE]` does not come: nobody takes half an answer for a whole one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Protocol

import orjson
from fastapi.responses import Response
from starlette.requests import Request

from shared.asgi.disconnect import while_connected
from shared.asgi.event_stream import EventStream
from shared.call import Call
from shared.errors import ServiceError, ShuttingDown
from shared.reply import Chunk, TokenStream
from shared.routes.endpoint import metadata
from shared.sse import DONE, comment, event

if TYPE_CHECKING:
    from shared.service import Service


class Format(Protocol):
    """How a route writes its stream."""

    def chunk(self, chunk: Chunk) -> bytes:
        """The events of a chunk; empty if it has nothing for the client."""

    def end(self, call: Call) -> bytes:
        """What comes between the last token and `[DONE]`. The call is settled."""


Relay = Callable[[Call, TokenStream, Format], AsyncGenerator[bytes]]


# region: answer-stream
async def answer_stream(service: Service, request: Request, call: Call, format: Format) -> Response:
    """The answer of a call as it is generated. Raises ServiceError, ClientLeft: both before the first token."""
    stream = await while_connected(request, service.answer(call))
    assert isinstance(stream, TokenStream)
    settings = service.settings
    return EventStream(
        service.relay(call, stream, format),
        headers=call.response_headers,
        keepalive=settings.stream_keepalive_sec,
        patience=settings.stream_silence_timeout,
        farewell=_error(call, ShuttingDown()),
    )


# endregion: answer-stream


# region: relay
async def relay(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    """What the client is sent, each piece when it is there. Closes the stream, always."""
    try:
        async for chunk in stream:
            if data := format.chunk(chunk):
                yield data
        yield format.end(call) + event(DONE)
    except ServiceError as broken:
        yield _error(call, broken)
    finally:
        await stream.aclose()


# endregion: relay


def _error(call: Call, error: ServiceError) -> bytes:
    return event(orjson.dumps(error.envelope(call.request_id)))


class Deltas:
    """Our own routes' stream: the text in pieces, then the metadata that the answer in one piece has."""

    def chunk(self, chunk: Chunk) -> bytes:
        return event(orjson.dumps({"delta": chunk.text})) if chunk.text else b""

    def end(self, call: Call) -> bytes:
        return event(orjson.dumps({"request_id": call.request_id, "metadata": metadata(call)}))


class OpenAIChunks:
    """OpenAI's stream: what the upstream sent, to the byte. The metadata goes into a comment, which clients ignore."""

    def chunk(self, chunk: Chunk) -> bytes:
        return chunk.wire

    def end(self, call: Call) -> bytes:
        return comment(orjson.dumps({"metadata": metadata(call)}))
