"""One connection: a request goes out, its response comes in, and then the next. llhttp reads the responses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from shared.http_client.faults import Dropped, HttpFault, NotHttp
from shared.http_client.headers import by_name
from shared.http_client.response import Response

LARGEST_HEAD = 1 << 18  # bytes, with interim responses; the same for trailers
MOST_FIELDS = 1000
INFORMATIONAL = 200  # a status below it announces that the response itself comes later
WITHOUT_BODY = (204, 304)


class Connection(asyncio.Protocol):
    """`freed` is called when a response is complete and when the connection is lost."""

    def __init__(self, freed: Callable[[Connection], None]) -> None:
        self.closed = False
        self.answered = False  # it has given a whole response
        self._freed = freed
        self._parser = httptools.HttpResponseParser(self)
        self._head: asyncio.Future[Response] | None = None  # while a request is under way
        self._response: Response | None = None  # while its body arrives
        self._fields: list[tuple[bytes, bytes]] = []
        self._unparsed = 0  # bytes since the last that led to something
        self._until_closed = False  # only the end of the connection ends this response
        self._over = False
        self._keeps_alive = False

    async def send(self, request: bytes) -> Response:
        """The response as soon as its head is here. Raises HttpFault."""
        head: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._head = head
        self._unparsed = 0
        self.transport.write(request)
        try:
            return await head
        except asyncio.CancelledError:
            if head.cancelled():
                self.abort()
            elif head.exception() is None:
                head.result().close()
            raise

    # --- for the response ---

    def pause(self) -> None:
        self.transport.pause_reading()

    def resume(self) -> None:
        if not self.closed:
            self.transport.resume_reading()

    def abort(self) -> None:
        self.closed = True
        self.transport.abort()

    # --- for asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's class is not a subclass, but works like one

    def data_received(self, data: bytes) -> None:
        self._unparsed += len(data)
        if self._head is None or self._unparsed > LARGEST_HEAD + len(data):
            return self._fail(NotHttp("bytes that are no part of a response"))
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            if not self._over:
                return self._fail(_cause(fault))
            self._keeps_alive = False  # the response is whole, and what follows it belongs to nobody
        if self._over:
            self._finish()

    def eof_received(self) -> None:
        self.closed = True  # asyncio closes it now; nobody should take it for the next request
        if self._response is not None and self._until_closed:
            self._keeps_alive = False
            self._finish()

    def connection_lost(self, fault: Exception | None) -> None:
        self._fail(Dropped(f"the connection broke: {fault or 'it was closed'}"))
        self._freed(self)

    # --- for the parser ---

    def on_message_begin(self) -> None:
        if self._over:
            raise NotHttp("more bytes than the response has")
        self._fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._response is None:  # and no trailer
            self._fields.append((name, value))
            if len(self._fields) > MOST_FIELDS:
                raise NotHttp(f"more than {MOST_FIELDS} headers")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < INFORMATIONAL:
            return
        headers = by_name(self._fields)
        response = Response(status, headers, self)
        framed = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()
        self._until_closed = not framed and status not in WITHOUT_BODY
        self._unparsed = 0
        assert self._head is not None
        if not self._head.done():  # or it was cancelled
            self._response = response
            self._head.set_result(response)

    def on_body(self, data: bytes) -> None:
        self._unparsed = 0
        if self._response is not None:
            self._response.arrive(data)

    def on_message_complete(self) -> None:
        self._over = self._response is not None
        self._keeps_alive = self._parser.should_keep_alive()  # it is true only now

    def _finish(self) -> None:
        response, self._response, self._head, self._over = self._response, None, None, False
        self.answered = True
        if not self._keeps_alive:
            self.closed = True
            self.transport.close()
        if response is not None:
            response.end()
        self._freed(self)

    def _fail(self, fault: HttpFault) -> None:
        head, response, self._head, self._response = self._head, self._response, None, None
        if not self.closed:
            self.abort()
        if response is not None:
            response.end(fault)
        elif head is not None and not head.done():
            head.set_exception(fault)


def _cause(fault: Exception) -> HttpFault:
    """Our own fault, if one of the callbacks raised it."""
    cause = fault.__context__
    return cause if isinstance(cause, HttpFault) else NotHttp(f"{type(fault).__name__}: {fault}")
