"""uvicorn's HTTP/1.1 protocol with a limit on the head of a request, and with our envelope for malformed HTTP.

uvicorn keeps every header byte that a client sends, without a limit. Here a head (request line and headers) over
LARGEST_HEAD bytes gets a 431 and the connection is closed, before any of our other code runs.

uvicorn also keeps unread data for as long as the client stays: it closes a connection only after the last byte is gone.
Here a closing connection is cut if the client reads nothing for UNREAD seconds, and `hang_up` ends one at once.
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
HANG_UP = "workshop.hang_up"  # the name of our ASGI extension


def hang_up(scope: Scope) -> Callable[[], None]:
    """A function that ends the connection at once, and drops unread data. Under another server it does nothing."""
    now: Callable[[], None] = scope.get("extensions", {}).get(HANG_UP, {}).get("now", lambda: None)
    return now


class HeadTooLarge(Exception):
    """Raised inside the parser's callbacks, to make it stop."""


class BoundedHttpProtocol(HttpToolsProtocol):
    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # A header without an end reaches no callback, so count the bytes that arrive before the head is complete.
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
        """Let a closing connection send its last bytes, even slowly. Cut it if none are read within UNREAD seconds."""
        left = self.transport.get_write_buffer_size()
        if left and left == before:
            self.transport.abort()
        elif left:
            self.loop.call_later(UNREAD, self._see_it_read, left)

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this when the parser stops; the answer is our envelope."""
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
