"""Server-sent events, read and written: the few rules of the format that OpenAI's streams use.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. Knows nothing of models or of HTTP.
"""

from collections.abc import AsyncIterator

DONE = b"[DONE]"
LONGEST_LINE = 1 << 20  # bytes; a line that never ends would otherwise eat the memory


class LineTooLong(ValueError):
    """A line of a stream went past LONGEST_LINE."""


async def data_payloads(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The payload of each event's `data:` lines, from a stream of bytes cut anywhere.

    Comments and other fields are dropped. Raises LineTooLong.
    """
    pending = b""
    data: list[bytes] = []
    async for block in blocks:
        *lines, pending = (pending + block).split(b"\n")
        if len(pending) > LONGEST_LINE:
            raise LineTooLong
        for line in lines:
            line = line.removesuffix(b"\r")
            if not line:
                if data:
                    yield b"\n".join(data)
                    data = []
            elif line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))


def event(payload: bytes) -> bytes:
    """One event on the wire."""
    return b"data: " + payload + b"\n\n"
