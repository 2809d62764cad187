"""What a client is sent of a stream: each piece when it is there, to the end or to the break.

After the first token a failure is an event of its own, and `[DONE]` does not come: nobody takes half an answer for a
whole one.
"""

from collections.abc import AsyncGenerator

import orjson

from shared.pipeline.call import Call
from shared.pipeline.errors import ServiceError
from shared.pipeline.reply import Format, TokenStream
from shared.upstream.sse import DONE, event


# region: relay
async def relay(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    """What the client is sent, each piece when it is there. Closes the stream, always."""
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
