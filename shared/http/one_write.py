"""Sends the head of a response together with the body that follows at once.

uvicorn writes them one after the other, and uvloop makes a system call of each write: a tenth of a request's CPU, and a
packet more. A head without a body is sent before the event loop does anything else.
"""

import asyncio
from typing import Any

HEAD = b"HTTP/1."


class OneWrite:
    """Everything else is the transport's own."""

    __slots__ = ("_held", "_loop", "_transport", "write_now")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self.write_now = transport.write

    def write(self, data: bytes) -> None:
        if self._held:
            held, self._held = self._held, b""
            self.write_now(held + data)
        elif data.startswith(HEAD):
            self._held = data
            self._loop.call_soon(self.flush)
        else:
            self.write_now(data)

    def flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self.write_now(held)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def get_write_buffer_size(self) -> int:
        return len(self._held) + self._transport.get_write_buffer_size()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
