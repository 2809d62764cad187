"""uvicorn's HTTP/1.1 protocol with a limit on the head of a request, and with our envelope for malformed HTTP.

uvicorn keeps every header byte that a client sends, without a limit. Here a head (request line and headers) over
LARGEST_HEAD bytes gets a 431 and the connection is closed, before any of our other code runs.

uvicorn also keeps unread data for as long as the client stays: it closes a connection only after the last byte is gone.
Here a closing connection is cut if the client reads nothing for UNREAD seconds, and `hang_up` ends one at once.
"""

import asyncio
import http
import math
import select
from collections.abc import Callable

import httptools
import orjson
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.http.edge_metrics import refused
from shared.http.request_id import new_request_id
from shared.pipeline.errors import HeadersTooLarge, MalformedRequest, ServiceError

LARGEST_HEAD = 32 << 10  # bytes
LINE_BYTES = 4  # of a header, besides its name and its value
UNREAD = 75.0  # seconds
HALF_CLOSED_WITHIN = 0.1  # seconds; a client that wants one answer and closes its side this soon waits for it
STILL_THERE = 1.0  # seconds between two looks whether a client that closed its side has left after all
RESET_WITHIN = 0.1  # seconds in which the machine of a client that has left says so
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"  # an interim response, which every client of HTTP/1.1 must skip
PEER_CLOSED = getattr(select, "POLLRDHUP", 0)  # Linux has it
HANG_UP = "workshop.hang_up"  # the name of our ASGI extension


def hang_up(scope: Scope) -> Callable[[], None]:
    """A function that ends the connection at once, and drops unread data. Under another server it does nothing."""
    now: Callable[[], None] = scope.get("extensions", {}).get(HANG_UP, {}).get("now", lambda: None)
    return now


class HeadTooLarge(Exception):
    """Raised inside the parser's callbacks, to make it stop."""


class BoundedHttpProtocol(HttpToolsProtocol):
    _received = 0  # bytes since the block in which the present request began
    _block = 0  # bytes of the latest block
    _in_head = True
    _too_large = False  # its head
    _asked_at = -math.inf  # when the last request was complete, by the loop's clock
    _only_request = False  # it said `Connection: close`
    _closed_at_once = False  # its client's side, before we began to work on it
    _half_closed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._peer = select.poll()
        self._peer.register(transport.get_extra_info("socket"), PEER_CLOSED)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._block = len(data)
        self._received += self._block
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            return self.send_400_response("")
        # A head without an end reaches no callback.
        if self._in_head and self._received > LARGEST_HEAD and not self.transport.is_closing():
            self._refuse(_head_too_large())

    def _decline_upgrade(self, rest: bytes) -> None:
        """Answer in HTTP/1.1: a server may ignore an upgrade (RFC 9110 §7.8), and every Java client offers one.

        The parser takes all that follows such a head for another protocol, so a new parser reads the head without it.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            return self._refuse(MalformedRequest("this is no proxy"))
        head = [method + b" " + self.url + b" HTTP/" + self.parser.get_http_version().encode()]
        head += [name + b": " + value for name, value in self.headers if name not in (b"upgrade", b"http2-settings")]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.data_received(b"\r\n".join((*head, b"", rest)))

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads it
        """Keep the connection for a client that has said all and waits: it closes its side with its last byte.

        All others that close their side have left, and their calls are cancelled. On a busy machine that last byte and
        the end may come apart. Only after `Connection: close` are both taken for one, because other clients may have
        seen by then that their call is under way, and left.
        """
        waits = self.cycle is not None and not self.cycle.response_complete
        soon = self._only_request and self.loop.time() - self._asked_at < HALF_CLOSED_WITHIN
        self._half_closed = waits and (soon or self._closed_at_once)
        if self._half_closed and self.scope["http_version"] == "1.1":
            self.loop.call_later(STILL_THERE, self._see_it_there)
        return self._half_closed

    def _see_it_there(self, asked: bool = False) -> None:
        """Write something: the machine of a client that has left answers with a reset, and its call is cancelled."""
        if self.cycle.response_started or self.transport.is_closing():
            return
        if not asked:
            self.transport.write(PROCESSING)
            self.loop.call_later(RESET_WITHIN, self._see_it_there, True)
        elif any(events & (select.POLLERR | select.POLLHUP) for _, events in self._peer.poll(0)):
            self.transport.abort()
        else:
            self.loop.call_later(STILL_THERE, self._see_it_there)

    def on_message_begin(self) -> None:
        self._in_head = True
        self._received = 0
        super().on_message_begin()
        self.scope["extensions"] = {HANG_UP: {"now": self.transport.abort}}

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._received + self._block > LARGEST_HEAD:  # rare: only then it is worth counting
            head = len(self.url) + sum(len(name) + len(value) + LINE_BYTES for name, value in self.headers)
            if head > LARGEST_HEAD:
                self._too_large = True
                raise HeadTooLarge
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()
            self._asked_at, self._only_request = self.loop.time(), not self.parser.should_keep_alive()
            self._closed_at_once = bool(self._peer.poll(0))

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._half_closed and self.cycle.response_complete:  # it may have sent several requests
            self.transport.close()
        if self.transport.is_closing():
            self._see_it_read()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._see_it_read()

    def _see_it_read(self, before: int = 0) -> None:
        """Let a closing connection send its last bytes, even slowly. Cut it if none are read within UNREAD seconds."""
        left = self.transport.get_write_buffer_size()
        if left and left == before:
            self.transport.abort()
        elif left:
            self.loop.call_later(UNREAD, self._see_it_read, left)

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this when the parser stops; the answer is our envelope."""
        self._refuse(_head_too_large() if self._too_large else MalformedRequest("this is not valid HTTP/1.1"))

    def _refuse(self, error: ServiceError) -> None:
        refused(error)
        request_id = new_request_id()
        body = orjson.dumps(error.envelope(request_id))
        head = (
            f"HTTP/1.1 {error.http_status} {http.HTTPStatus(error.http_status).phrase}\r\n"
            f"x-request-id: {request_id}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _head_too_large() -> HeadersTooLarge:
    return HeadersTooLarge(f"the request line and headers are larger than {LARGEST_HEAD} bytes")
