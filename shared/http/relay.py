"""The events that a client gets from a stream: each piece as soon as it arrives, until the end or a failure.

After the first token a failure is an event of its own and `[DONE]` is not sent, so that no client takes half an answer
for a whole one.
"""

from collections.abc import AsyncGenerator

import orjson

from shared.pipeline.call import Call
from shared.pipeline.errors import ServiceError
from shared.pipeline.reply import Format, TokenStream
from shared.upstream.sse import DONE, event


# region: relay
async def relay(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    """The client's events, one per piece as it arrives. Always closes the stream."""
    try:
        async for chunk in stream:
            if data := format.chunk(chunk):
                yield data
        yield format.end(call) + event(DONE)
    except ServiceError as broken:
        yield error_event(call, broken)
    finally:
        await stream.aclose()


# endregion: relay


def error_event(call: Call, error: ServiceError) -> bytes:
    return event(orjson.dumps(error.envelope(call.request_id)))
