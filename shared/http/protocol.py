"""uvicorn's HTTP/1.1 protocol with a bound on the head of a request, and with our envelope on what is not HTTP.

uvicorn keeps every header byte that a client sends, for as long as it sends them. Here a head (request line and
headers) over LARGEST_HEAD bytes is answered 431 and the connection closed, before any of our code runs.

uvicorn also keeps what a client does not read, for as long as the client stays: a connection is not closed before its
last byte is gone. Here a client that reads nothing for UNREAD seconds then loses the rest, and a response may hang up.
"""

import http
import uuid
from collections.abc import Callable

import orjson
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.http.edge_metrics import refused
from shared.pipeline.errors import HeadersTooLarge, MalformedRequest, ServiceError

LARGEST_HEAD = 32 << 10  # bytes
UNREAD = 75.0  # seconds
HANG_UP = "workshop.hang_up"  # the name of an ASGI extension of ours


def hang_up(scope: Scope) -> Callable[[], None]:
    """Ends the connection at once, whatever waits to be read there. Under another server than ours: does nothing."""
    now: Callable[[], None] = scope.get("extensions", {}).get(HANG_UP, {}).get("now", lambda: None)
    return now


class HeadTooLarge(Exception):
    """Raised inside the parser's callbacks, to make it stop."""


class BoundedHttpProtocol(HttpToolsProtocol):
    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A single header without an end reaches no callback: count what arrived while the head was still open.
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD:
                self._refuse(_too_large())

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()
        self.scope["extensions"] = {HANG_UP: {"now": self.transport.abort}}

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._see_it_read()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._see_it_read()

    def _see_it_read(self, before: int = 0) -> None:
        """A closing connection ends with its last byte. It may take its time, but something must be read in UNREAD."""
        left = self.transport.get_write_buffer_size()
        if left and left == before:
            self.transport.abort()
        elif left:
            self.loop.call_later(UNREAD, self._see_it_read, left)

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer when the parser stops."""
        self._refuse(
            _too_large() if self._head_bytes > LARGEST_HEAD else MalformedRequest("this is not valid HTTP/1.1")
        )

    def _count(self, length: int) -> None:
        self._head_bytes += length
        if self._head_bytes > LARGEST_HEAD:
            raise HeadTooLarge

    def _refuse(self, error: ServiceError) -> None:
        refused(error)
        request_id = str(uuid.uuid4())
        body = orjson.dumps(error.envelope(request_id))
        head = (
            f"HTTP/1.1 {error.http_status} {http.HTTPStatus(error.http_status).phrase}\r\n"
            f"x-request-id: {request_id}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _too_large() -> HeadersTooLarge:
    return HeadersTooLarge(f"the request line and headers are larger than {LARGEST_HEAD} bytes")
