"""One connection of a client: HTTP/1.1 comes in, llhttp reads it, and an ASGI application answers each request.

uvicorn starts and stops the server, and this stands in the place of uvicorn's own protocol. That one is slower, keeps
every header byte that a client sends, and keeps unread data for as long as the client stays. Here a head (request line
and headers) over LARGEST_HEAD bytes gets a 431, malformed HTTP gets our envelope, and a closing connection is cut if
the client reads nothing for UNREAD seconds.
"""

import asyncio
import math
import select
from collections import deque
from typing import Any
from urllib.parse import unquote

import httptools
import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from shared.http.disconnect import CLIENT
from shared.http.edge_metrics import refused
from shared.http.exchange import STATUS_LINES, Exchange
from shared.http.request_id import new_request_id
from shared.pipeline.errors import HeadersTooLarge, MalformedRequest, Overloaded, ServiceError

LARGEST_HEAD = 32 << 10  # bytes
LINE_BYTES = 4  # of a header, besides its name and its value
UNREAD = 75.0  # seconds
HALF_CLOSED_WITHIN = 0.1  # seconds; a client that wants one answer and closes its side this soon waits for it
STILL_THERE = 1.0  # seconds between two looks whether a client that closed its side has left after all
RESET_WITHIN = 0.1  # seconds in which the machine of a client that has left says so
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"  # an interim response, which every client of HTTP/1.1 must skip
ASGI = {"version": "3.0", "spec_version": "2.3"}
PEER_CLOSED = getattr(select, "POLLRDHUP", 0)  # Linux has it


class HeadTooLarge(Exception):
    """Raised inside the parser's callbacks, to make it stop."""


class HttpProtocol(asyncio.Protocol):
    """uvicorn makes one for each connection, and calls `shutdown` when the server stops."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app = config.loaded_app
        self._most_connections = config.limit_concurrency
        self._keep_alive = config.timeout_keep_alive  # seconds
        self._server = server_state
        self._connections: set[Any] = server_state.connections
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser = self._new_parser()
        self._exchange: Exchange | None = None  # the latest
        self._unanswered: deque[Exchange] = deque()  # the first one is being answered
        self._heard = self._loop.time()  # when the latest bytes came, or the latest response was complete
        self._received = 0  # bytes since the block in which the present request began
        self._block = 0  # bytes of the latest block
        self._in_head = True
        self._too_large = False  # its head
        self._asked_at = -math.inf  # when the last request was complete, by the loop's clock
        self._only_request = False  # it said `Connection: close`
        self._closed_at_once = False  # its client's side, before we began to work on it
        self._half_closed = False
        self._stopping = False

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # a second request after `Connection: close`
        return parser

    # --- for asyncio ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._connections.add(self)
        self._transport = transport
        self._flow = FlowControl(transport)
        self._addresses = {
            "server": get_local_addr(transport),
            "client": get_remote_addr(transport),
            "scheme": "https" if is_ssl(transport) else "http",
        }
        self._peer = select.poll()
        self._peer.register(transport.get_extra_info("socket"), PEER_CLOSED)
        self._timer = self._loop.call_later(self._keep_alive, self._end_if_idle)

    def connection_lost(self, fault: Exception | None) -> None:
        self._connections.discard(self)
        self._timer.cancel()
        for exchange in self._unanswered:
            exchange.disconnect()
        self._unanswered.clear()
        self._flow.resume_writing()
        del self._parser  # it refers to this object

    def pause_writing(self) -> None:
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        self._flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._block = len(data)
        self._received += self._block
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._decline_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            return self._refuse(
                _head_too_large() if self._too_large else MalformedRequest("this is not valid HTTP/1.1")
            )
        # A head without an end reaches no callback.
        if self._in_head and self._received > LARGEST_HEAD and not self._transport.is_closing():
            self._refuse(_head_too_large())

    def eof_received(self) -> bool:  # asyncio reads it
        """Keep the connection for a client that has said all and waits: it closes its side with its last byte.

        All others that close their side have left, and their calls are cancelled. On a busy machine that last byte and
        the end may come apart. Only after `Connection: close` are both taken for one, because other clients may have
        seen by then that their call is under way, and left.
        """
        soon = self._only_request and self._loop.time() - self._asked_at < HALF_CLOSED_WITHIN
        self._half_closed = bool(self._unanswered) and (soon or self._closed_at_once)
        if self._half_closed and self._unanswered[-1].scope["http_version"] == "1.1":
            self._loop.call_later(STILL_THERE, self._see_it_there)
        return self._half_closed

    # --- for the parser ---

    def on_message_begin(self) -> None:
        self._in_head = True
        self._received = 0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._must_say_go_on = False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self._headers.append((name, value))
        if name == b"expect" and value.lower() == b"100-continue":
            self._must_say_go_on = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._received + self._block > LARGEST_HEAD:  # rare: only then it is worth counting
            head = len(self._url) + sum(len(name) + len(value) + LINE_BYTES for name, value in self._headers)
            if head > LARGEST_HEAD:
                self._too_large = True
                raise HeadTooLarge
        if not self._parser.should_upgrade():
            self._begin()

    def on_body(self, data: bytes) -> None:
        if self._exchange is not None:
            self._exchange.arrive(data)

    def on_message_complete(self) -> None:
        if self._exchange is not None and not self._parser.should_upgrade():
            self._exchange.end()
            self._asked_at, self._only_request = self._heard, not self._parser.should_keep_alive()
            self._closed_at_once = bool(self._peer.poll(0))

    def _decline_upgrade(self, rest: bytes) -> None:
        """Answer in HTTP/1.1: a server may ignore an upgrade (RFC 9110 §7.8), and every Java client offers one.

        The parser takes all that follows such a head for another protocol, so a new parser reads the head without it.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            return self._refuse(MalformedRequest("this is no proxy"))
        head = [method + b" " + self._url + b" HTTP/" + self._parser.get_http_version().encode()]
        head += [name + b": " + value for name, value in self._headers if name not in (b"upgrade", b"http2-settings")]
        self._parser = self._new_parser()
        self.data_received(b"\r\n".join((*head, b"", rest)))

    # --- exchanges ---

    def _begin(self) -> None:
        path, _, query = self._url.partition(b"?")
        if not path.startswith(b"/") or b"#" in self._url:  # unusual
            url = httptools.parse_url(self._url)
            path, query = url.path or b"/", url.query or b""
        version = self._parser.get_http_version()
        readable = path.decode("ascii")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": ASGI,
            "http_version": version,
            **self._addresses,
            "method": self._parser.get_method().decode("ascii"),
            "root_path": "",
            "path": unquote(readable) if "%" in readable else readable,
            "raw_path": path,
            "query_string": query,
            "headers": self._headers,
            "state": self._app_state.copy(),
        }
        exchange = self._exchange = Exchange(
            scope,
            self._transport,
            self._flow,
            defaults=self._server.default_headers,
            keeps_alive=version != "1.0" and self._parser.should_keep_alive(),
            must_say_go_on=self._must_say_go_on,
            done=self._answered,
        )
        scope["extensions"] = {CLIENT: {"hang_up": self._transport.abort, "when_gone": exchange.when_gone}}
        self._unanswered.append(exchange)
        if len(self._unanswered) == 1:
            self._start(exchange)
        else:  # the client did not wait for an answer to its request before
            self._flow.pause_reading()

    def _start(self, exchange: Exchange) -> None:
        if self._most_connections is not None and len(self._connections) > self._most_connections:
            return self._refuse(Overloaded("too many connections at the same time", retry_after=1))
        task = self._loop.create_task(exchange.run(self._app))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _answered(self) -> None:
        """A response is complete."""
        self._server.total_requests += 1
        self._unanswered.popleft()
        if self._stopping or (self._half_closed and not self._unanswered):
            self._transport.close()
        if self._transport.is_closing():
            return self._see_it_read()
        self._heard = self._loop.time()
        self._flow.resume_reading()
        if self._unanswered:
            self._start(self._unanswered[0])

    def _refuse(self, error: ServiceError) -> None:
        """Answer what no application gets to see."""
        refused(error)
        request_id = new_request_id()
        body = orjson.dumps(error.envelope(request_id))
        head = (
            f"\r\nx-request-id: {request_id}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._transport.write(STATUS_LINES[error.http_status] + head.encode() + body)
        self._transport.close()

    # --- the end ---

    def shutdown(self) -> None:
        """The server stops: no further request."""
        self._stopping = True
        if not self._unanswered:
            self._transport.close()
        for exchange in self._unanswered:
            exchange.keeps_alive = False

    def _end_if_idle(self) -> None:
        """One timer for each connection, re-armed only when it fires: a request costs one reading of the clock."""
        left = self._keep_alive if self._unanswered else self._heard + self._keep_alive - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._end_if_idle)
        else:
            self._transport.close()
            self._see_it_read()

    def _see_it_there(self, asked: bool = False) -> None:
        """Write something: the machine of a client that has left answers with a reset, and its call is cancelled."""
        if not self._unanswered or self._unanswered[0].started or self._transport.is_closing():
            return
        if not asked:
            self._transport.write(PROCESSING)
            self._loop.call_later(RESET_WITHIN, self._see_it_there, True)
        elif any(events & (select.POLLERR | select.POLLHUP) for _, events in self._peer.poll(0)):
            self._transport.abort()
        else:
            self._loop.call_later(STILL_THERE, self._see_it_there)

    def _see_it_read(self, before: int = 0) -> None:
        """Let a closing connection send its last bytes, even slowly. Cut it if none are read within UNREAD seconds."""
        left = self._transport.get_write_buffer_size()
        if left and left == before:
            self._transport.abort()
        elif left:
            self._loop.call_later(UNREAD, self._see_it_read, left)


def _head_too_large() -> HeadersTooLarge:
    return HeadersTooLarge(f"the request line and headers are larger than {LARGEST_HEAD} bytes")
