"""The response to one request: its head is here, and its body arrives. A slow reader slows the sender down."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from shared.http_client.decoder import Decoder
from shared.http_client.faults import HttpFault, TooLarge

MOST_HELD = 1 << 16  # bytes that wait for the reader; with more, nothing is read from the connection


class Source(Protocol):
    """The connection that a response arrives on."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def abort(self) -> None: ...


class Response:
    """`headers`: as from `by_name`, with names in lower case."""

    def __init__(self, status: int, headers: Mapping[str, str], source: Source) -> None:
        self.status = status
        self.headers = headers
        self.complete = False  # all of it has arrived
        self._source = source
        self._fault: HttpFault | None = None
        self._blocks: list[bytes] = []
        self._held = 0
        self._paused = False
        self._reader: asyncio.Future[None] | None = None
        encoding = headers.get("content-encoding", "identity")
        self._decoder = None if encoding == "identity" else Decoder(encoding)

    # --- for the connection ---

    def arrive(self, data: bytes) -> None:
        self._blocks.append(data)
        self._held += len(data)
        if self._held > MOST_HELD and not self._paused:
            self._paused = True
            self._source.pause()
        self._wake()

    def end(self, fault: HttpFault | None = None) -> None:
        """All has arrived, or nothing more will."""
        self.complete, self._fault = fault is None, fault
        self._go_on()  # the next response may arrive, even if nobody reads this one
        self._wake()

    def _go_on(self) -> None:
        if self._paused:
            self._paused = False
            self._source.resume()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # --- for the caller ---

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def block(self) -> bytes:
        """The bytes that have come since the last call, at least one; empty at the end. Raises HttpFault."""
        if self._decoder is None:
            return await self._raw()
        while not (piece := self._decoder.piece()):
            if not (raw := await self._raw()):
                self._decoder.end()
                return b""
            self._decoder.feed(raw)
        return piece

    async def _raw(self) -> bytes:
        while not self._blocks:
            if self.complete:
                return b""
            if self._fault is not None:
                raise self._fault
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        blocks, self._blocks, self._held = self._blocks, [], 0
        self._go_on()
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    async def read(self, most: int) -> bytes:
        """The whole body, of at most `most` bytes. Raises HttpFault."""
        body = await self.block()
        if self.complete and not self._blocks and self._decoder is None and len(body) <= most:
            return body
        blocks, size = [body], len(body)
        while size <= most and (block := await self.block()):
            blocks.append(block)
            size += len(block)
        if size > most:
            raise TooLarge(f"the body is larger than {most} bytes")
        return b"".join(blocks)

    def close(self) -> None:
        """Read no more: the connection is closed, unless the response is complete."""
        if not self.complete and self._fault is None:
            self._source.abort()

    def close_within(self, seconds: float) -> None:
        """The same, but only if the rest has not come by then: a complete response leaves its connection open."""
        if not self.complete:
            asyncio.get_running_loop().call_later(seconds, self.close)
