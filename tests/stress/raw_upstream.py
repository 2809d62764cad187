"""An upstream that sends any given bytes. Of HTTP, it knows only where a request ends.

In: for each request id, a play, which says what to send and when to stop. Out: bytes on the wire, and a register of
requests. Runs on its own thread.
"""

import asyncio
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(slots=True)
class Peer:
    """The gateway at the other end of one connection, with one request."""

    request_id: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    stays: bool = False  # whether the connection stays open for another request
    head: bytes = b""  # of the request, as received

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_in(self, pieces: Iterator[bytes], pause: float = 0.0) -> None:
        for piece in pieces:
            await self.send(piece)
            await asyncio.sleep(pause)

    async def gone(self) -> None:
        """Wait until the gateway hangs up."""
        with suppress(OSError):
            while await self.reader.read(65536):
                pass

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Play = Callable[[Peer], Awaitable[None]]


def bytes_play(data: bytes, *, keep: bool = False) -> Play:
    """Sends this; then hangs up or, with `keep`, waits for the next request."""

    async def play(peer: Peer) -> None:
        peer.stays = keep
        await peer.send(data)

    return play


class RawUpstream:
    def __init__(self) -> None:
        self.plays: dict[str, Play] = {}
        self.asked: Counter[str] = Counter()
        self.connected = 0
        self._loop = asyncio.new_event_loop()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2048)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve_one, sock=self._listener, limit=1 << 20))
        self._loop.run_forever()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                named = re.search(rb"(?i)x-request-id: (\S+)", head)
                peer = Peer(named[1].decode() if named else "", reader, writer, head=head)
                self.asked[peer.request_id] += 1
                await self.plays[peer.request_id](peer)
                if not peer.stays:
                    break
        self.connected -= 1
        writer.close()


@contextmanager
def raw_upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    thread = threading.Thread(target=upstream.serve, daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        upstream.stop()
        thread.join(5)
