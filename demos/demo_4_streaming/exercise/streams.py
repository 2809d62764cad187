"""Both ends of a stream, yours to write. As they stand, they work on a sunny day, and all at once.

Each docstring says what must be true, and which checks of `make grade-4 SOLUTION=exercise` look whether it is. What is
between the two ends is given: what the events say (shared/upstream/openai_wire.py), the accounts, and the client who
may leave (shared/http/event_stream.py). Stuck? HINTS.md.
"""

from collections.abc import AsyncGenerator

from shared.pipeline.call import Call
from shared.pipeline.errors import ServiceError
from shared.pipeline.reply import Format, TokenStream
from shared.upstream.sse import DONE, event


class Events:
    """Task 2. Bytes of the upstream in, payloads of whole events out: `data: {"a":1}` and an empty line are `{"a":1}`.

    The space after the colon may be missing. Lines end in LF or CR LF; those that do not begin with `data:` are no
    payload. Networks cut where they like. A block may have half an event, two and a half, or the first byte of an é;
    what is not whole yet is kept for the next block of the same stream. There is one Events for each stream.
    Checks: stream_events.
    """

    def feed(self, block: bytes) -> list[bytes]:
        """The payload of each event that ends in `block`."""
        return [text.removeprefix(b"data: ") for text in block.split(b"\n\n") if text]


async def relay(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    """Task 3. What the client is sent: `format.chunk(…)` of each chunk of the stream, at once, when it is there.

    After the last one comes `format.end(call)`, then the event `[DONE]`. If the stream breaks it raises a ServiceError:
    then the last event is the error's `envelope(call.request_id)` as JSON, and `[DONE]` does not come, so that nobody
    takes half an answer for a whole one. A client that leaves ends this generator where it stands, and the
    upstream must not go on for nobody: `await stream.aclose()`, whatever happens, frees it.
    Checks: stream_events, stream_in_steps, cut_is_told, client_leaves, silence.
    """
    answer = b""
    try:
        async for chunk in stream:
            answer += format.chunk(chunk)
    except ServiceError:
        pass
    yield answer + format.end(call) + event(DONE)
