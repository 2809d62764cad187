"""Both ends of a stream, yours to write. As they stand, they handle only the easy case, and send everything at once.

Each docstring says what must be true, and which checks of `make grade-4 SOLUTION=exercise` verify it. Everything
between the two ends is given: the meaning of the events (shared/upstream/openai_wire.py), the accounts, and the client
that may leave (shared/http/event_stream.py). Stuck? HINTS.md.
"""

from collections.abc import AsyncGenerator

from shared.pipeline.call import Call
from shared.pipeline.errors import ServiceError
from shared.pipeline.reply import Format, TokenStream
from shared.upstream.sse import DONE, event


class Events:
    """Task 3. Upstream bytes in, payloads of whole events out: `data: {"a":1}` and an empty line give `{"a":1}`.

    The space after the colon may be missing. Lines end in LF or CR LF; lines that do not begin with `data:` are not
    payload. Networks cut anywhere. A block may hold half an event, two and a half, or the first byte of an é;
    the incomplete part is kept for the next block of the same stream. Each stream has its own Events.
    Checks: stream_events.
    """

    def feed(self, block: bytes) -> list[bytes]:
        """The payload of each event that ends in `block`."""
        return [text.removeprefix(b"data: ") for text in block.split(b"\n\n") if text]


async def relay(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    """Task 1. Sends the client `format.chunk(…)` for each chunk of the stream, as soon as the chunk arrives.

    After the last one comes `format.end(call)`, then the event `[DONE]`. A stream that breaks raises a ServiceError.
    Then the last event is the error's `envelope(call.request_id)` as JSON, and `[DONE]` does not come, so that nobody
    takes half an answer for a whole one. A client that leaves stops this generator wherever it is, and the
    upstream must not go on for nobody: `await stream.aclose()` releases it, and must run in every case.
    Checks: stream_events, stream_in_steps, cut_is_told, client_leaves, silence.
    """
    answer = b""
    try:
        async for chunk in stream:
            answer += format.chunk(chunk)
    except ServiceError:
        pass
    yield answer + format.end(call) + event(DONE)
