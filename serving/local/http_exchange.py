"""One HTTP exchange as the chat route needs it: read the body, notice that the client has left, answer, or hang up.

In: the ASGI triple. Out: bytes on the wire. Knows nothing of models or faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from serving.local.errors import ApiError, too_large

# Where the listener puts the connection's transport: ASGI itself has no way to hang up.
TRANSPORT = "workshop.transport"
PATIENCE = 8
FRAGMENT_GAP_S = 0.001  # long enough for a reader to take each piece separately


class ClientLeft(Exception):
    """The client closed the connection before it had its answer."""


class HungUp(Exception):
    """We closed the connection on purpose."""


class Exchange:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._transport: asyncio.Transport | None = scope.get("extensions", {}).get(TRANSPORT, {}).get("transport")
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self.status: int | None = None
        self.fragment_bytes: int | None = None  # output goes out in pieces of this size

    def header(self, name: str) -> str | None:
        value = self._headers.get(name.encode())
        return None if value is None else value.decode("latin-1")

    async def body(self, limit: int) -> bytes:
        """The request's body. Raises ApiError 413 for a body over `limit` bytes.

        Up to PATIENCE times the limit is read and thrown away first: a client that is still sending when the connection
        closes sees a broken pipe instead of the 413.
        """
        announced = int(self._headers.get(b"content-length", b"0"))
        if announced > limit * PATIENCE:
            raise too_large(limit)
        parts, size = [], 0
        async for part in self._parts():
            size += len(part)
            if size > limit * PATIENCE:
                break
            if size <= limit:
                parts.append(part)
        if size > limit:
            raise too_large(limit)
        return b"".join(parts)

    async def _parts(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            yield message.get("body", b"")
            more = message.get("more_body", False)

    @contextlib.asynccontextmanager
    async def client_present(self) -> AsyncIterator[None]:
        """Cancels the work inside when the client leaves, and raises ClientLeft. Use it once the body has been read."""
        task = asyncio.current_task()
        assert task is not None
        gone = False

        async def watch() -> None:
            nonlocal gone
            await self.client_gone()
            gone = True
            task.cancel()

        watcher = asyncio.create_task(watch())
        try:
            yield
        except asyncio.CancelledError:
            if not gone:
                raise  # not ours: the server is stopping
            task.uncancel()
            raise ClientLeft from None
        finally:
            watcher.cancel()

    async def client_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(
        self, status: int, content_type: str, headers: Mapping[str, str] | None = None, length: int | None = None
    ) -> None:
        self.status = status
        lines = {"content-type": content_type} | {k.lower(): v for k, v in (headers or {}).items()}
        if length is not None:
            lines["content-length"] = str(length)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in lines.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes, more: bool = True) -> None:
        while self.fragment_bytes and len(data) > self.fragment_bytes:
            piece, data = data[: self.fragment_bytes], data[self.fragment_bytes :]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(FRAGMENT_GAP_S)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def whole(
        self, status: int, data: bytes, content_type: str = "application/json", headers: Mapping[str, str] | None = None
    ) -> None:
        await self.start(status, content_type, headers, len(data))
        await self.write(data, more=False)

    async def error(self, error: ApiError, headers: Mapping[str, str] | None = None) -> None:
        body: dict[str, Any] = error.body()
        await self.whole(error.status, orjson.dumps(body), headers={**(headers or {}), **error.headers})

    async def hang_up(self, reset: bool = False) -> None:
        """Ends the connection in the middle, with a TCP reset if asked for. Raises HungUp: nothing is left to do."""
        await self.close(reset)
        raise HungUp

    async def close(self, reset: bool = False) -> None:
        if self._transport is None:
            raise RuntimeError("this ASGI server does not hand out its transport; run the app through serving.local")
        if reset:
            # Linger for no time: the kernel sends RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()
        else:
            self._transport.close()  # what was written still goes out
