"""One request and the response to it, as an ASGI application receives and sends them.

In: the body of the request, as the connection reads it. Out: the response's bytes, in a length that the application
named, in chunks, or until the connection ends, for a client of HTTP/1.0. Knows nothing of how requests are parsed.
"""

import asyncio
import http
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl

log = logging.getLogger(__name__)

Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in http.HTTPStatus}
WITHOUT_BODY = (204, 304)
NOT_IN_HEADERS = bytes(byte for byte in (*range(0x20), 0x7F) if byte != ord("\t"))
LAST_CHUNK = b"0\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
DISCONNECTED: Message = {"type": "http.disconnect"}


class Exchange:
    """`defaults` are headers of every response. `done` is called when the response is complete."""

    def __init__(
        self,
        scope: dict[str, Any],
        transport: asyncio.Transport,
        flow: FlowControl,
        *,
        defaults: list[tuple[bytes, bytes]],
        keeps_alive: bool,
        must_say_go_on: bool,
        done: Callable[[], None],
    ) -> None:
        self.scope = scope
        self.keeps_alive = keeps_alive
        self.started = False  # the response is
        self.complete = False  # the response is
        self.disconnected = False
        self._transport = transport
        self._flow = flow
        self._defaults = defaults
        self._must_say_go_on = must_say_go_on
        self._done = done
        self._body = b""  # what has arrived and was not received yet
        self._more = True  # of the request's body is to come
        self._news = False  # since the last `receive`
        self._wake: asyncio.Event | None = None  # made when the application first waits for news
        self._when_gone: Callable[[], None] | None = None
        self._head = b""  # of the response, until it is sent
        self._silent = False  # the response has no body, whatever the application sends
        self._chunked = False
        self._left: int | None = None  # bytes of the response's body; None: not known

    async def run(self, app: Application) -> None:
        """Let `app` answer. Each way in which it may fail to do so is logged, and ends the response."""
        try:
            await app(self.scope, self.receive, self.send)
            fault = None
        except BaseException as error:
            fault = error
        if fault is None and (self.complete or self.disconnected):
            return
        what = "Exception in ASGI application" if fault else "the application returned without a whole response"
        log.error(what, exc_info=fault)
        if self.started:
            self._transport.close()
        elif not self.disconnected:
            self.keeps_alive = False
            await self.send({"type": "http.response.start", "status": 500})
            await self.send({"type": "http.response.body"})

    # --- for the connection ---

    def arrive(self, data: bytes) -> None:
        """A part of the request's body."""
        if not self.complete:
            self._body += data
            if len(self._body) > HIGH_WATER_LIMIT:
                self._flow.pause_reading()
            self._tell()

    def end(self) -> None:
        """The request is whole."""
        self._more = False
        self._tell()

    def disconnect(self) -> None:
        """The client has left."""
        if not self.complete:
            self.disconnected = True
            if self._when_gone is not None:
                self._when_gone()
        self._tell()

    def _tell(self) -> None:
        self._news = True
        if self._wake is not None:
            self._wake.set()

    # --- for the application ---

    def when_gone(self, tell: Callable[[], None] | None) -> None:
        """Call `tell` if the client leaves before its response is complete. None: call nobody."""
        self._when_gone = tell
        if tell is not None and self.disconnected:
            tell()

    async def receive(self) -> Message:
        if self._must_say_go_on and not self._transport.is_closing():
            self._must_say_go_on = False
            self._transport.write(GO_ON)
        while not (self._news or self.disconnected or self.complete):
            self._flow.resume_reading()
            if self._wake is None:
                self._wake = asyncio.Event()
            self._wake.clear()
            await self._wake.wait()
        self._news = False
        if self.disconnected or self.complete:
            return DISCONNECTED
        body, self._body = self._body, b""
        return {"type": "http.request", "body": body, "more_body": self._more}

    async def send(self, message: Message) -> None:
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.body" and self.started and not self.complete:
            self._write(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start" and not self.started:
            self._begin(message["status"], message.get("headers", ()))
        else:
            raise RuntimeError(f"{kind} does not come now")

    def _begin(self, status: int, headers: Headers) -> None:
        lines = [STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status]
        for name, value in (*self._defaults, *headers):
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection" and b"close" in value.lower():
                self.keeps_alive = False
                continue
            elif name == b"transfer-encoding":  # ASGI leaves it to the server
                continue
            lines.append(name + b": " + value)
        self._silent = self.scope["method"] == "HEAD" or status in WITHOUT_BODY
        if self._left is None and not self._silent:
            self._chunked = self.scope["http_version"] == "1.1"
            if self._chunked:
                lines.append(b"transfer-encoding: chunked")
            else:
                self.keeps_alive = False  # the end of the connection is the end of the body
        if not self.keeps_alive:
            lines.append(b"connection: close")
        head = b"\r\n".join((*lines, b"", b""))
        if len(head.translate(None, NOT_IN_HEADERS)) != len(head) - 2 * (len(lines) + 1):
            raise RuntimeError("a header of the response has a control character")
        self.started, self._must_say_go_on = True, False
        self._head = head  # goes out with the first bytes of the body: a system call less
        if self._left is None:  # a stream, whose first bytes may take their time
            asyncio.get_running_loop().call_soon(self._send_head)

    def _send_head(self) -> None:
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = b""

    def _write(self, data: bytes, more: bool) -> None:
        if self._silent:
            data, self._left = b"", None
        elif self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data += b"" if more else LAST_CHUNK
        elif self._left is not None:
            self._left -= len(data)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the response is not as long as its Content-Length says")
        if data := self._head + data:
            self._transport.write(data)
        self._head = b""
        if not more:
            self.complete = True
            self._tell()  # an application may wait for its client to leave: it need not wait longer
            if not self.keeps_alive:
                self._transport.close()
            self._done()
