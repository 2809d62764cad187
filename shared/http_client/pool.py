"""The connections to one origin: at most `most`, each for one request at a time, kept open for a while in between."""

import asyncio
import time
from collections.abc import Mapping

from yarl import URL

from shared.http_client.connection import Connection
from shared.http_client.decoder import ACCEPTED
from shared.http_client.dial import credentials, dial
from shared.http_client.faults import ConnectTimeout, Dropped
from shared.http_client.headers import NO_HEADERS
from shared.http_client.response import Response


class Pool:
    """Connections to the scheme, host and port of `origin`. Use it inside one event loop, and close it there.

    A request has `connect_seconds` to get a connection. An unused one is closed after `idle_seconds`.
    """

    def __init__(
        self, origin: URL, *, most: int, connect_seconds: float, idle_seconds: float, proxy: str | None = None
    ) -> None:
        self.origin = origin.origin()
        self._proxy = None if proxy is None else URL(proxy)
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._places = asyncio.Semaphore(most)
        self._in_use = set[Connection]()
        self._idle: list[tuple[Connection, float]] = []  # with the time of its last response; the latest one last
        self._sweeper: asyncio.TimerHandle | None = None

    # --- requests ---

    def head(self, method: str, url: URL, headers: Mapping[str, str]) -> bytes:
        """The part of a request that stays the same from one to the next: write it once, and `send` it each time."""
        forwarded = self._proxy is not None and url.scheme == "http"
        fields = {"Host": url.host_port_subcomponent or "", "Accept-Encoding": ACCEPTED, **headers}
        if forwarded and self._proxy is not None and (said := credentials(self._proxy)):
            fields["Proxy-Authorization"] = said
        target = str(url.with_fragment(None)) if forwarded else url.raw_path_qs
        return f"{method} {target} HTTP/1.1\r\n".encode() + _lines(fields)

    async def send(self, head: bytes, body: bytes | None = None, headers: Mapping[str, str] = NO_HEADERS) -> Response:
        """The response as soon as its own head is here. Raises HttpFault."""
        content = b"\r\n" if body is None else b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        request = b"".join((head, _lines(headers), content))
        connection = await self._take()
        try:
            return await connection.send(request)
        except Dropped:
            if body is not None or not connection.answered:
                raise
        # The server closed a kept connection just as we took it. A request without a body may be sent again (RFC 9110
        # §9.2.2); one with a body may have been read.
        return await (await self._take()).send(request)

    async def fetch(self, head: bytes, body: bytes | None = None, *, most: int) -> tuple[Response, bytes]:
        """The response with its whole body, of at most `most` bytes. Raises HttpFault."""
        response = await self.send(head, body)
        try:
            return response, await response.read(most)
        finally:
            response.close()

    # --- connections ---

    @property
    def connections(self) -> tuple[int, int]:
        """(open, in use)"""
        return len(self._in_use) + len(self._idle), len(self._in_use)

    def close(self) -> None:
        """Close all connections, also those in use."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in (*self._in_use, *(connection for connection, _ in self._idle)):
            connection.abort()
        self._idle.clear()

    async def _take(self) -> Connection:
        """The connection that was used last, or a new one. It is in use from now on. Raises HttpFault."""
        if self._places.locked() or (connection := self._kept()) is None:
            try:
                async with asyncio.timeout(self._connect_seconds):
                    await self._places.acquire()
                    connection = self._kept() or await self._open()
            except TimeoutError:
                raise ConnectTimeout(f"no connection to {self.origin} in time") from None
        else:
            await self._places.acquire()  # one is free, so this does not wait
        if connection.closed:
            self._places.release()
            raise Dropped("the server hung up as soon as the connection was open")
        self._in_use.add(connection)
        return connection

    def _kept(self) -> Connection | None:
        while self._idle:
            connection, _ = self._idle.pop()
            if not connection.closed:
                return connection
        return None

    async def _open(self) -> Connection:
        try:
            return await dial(self.origin, self._proxy, lambda: Connection(self._freed))
        except BaseException:
            self._places.release()
            raise

    def _freed(self, connection: Connection) -> None:
        if connection not in self._in_use:  # it was idle, and is lost now
            self._idle = [(each, since) for each, since in self._idle if each is not connection]
            return
        self._in_use.remove(connection)
        self._places.release()
        if not connection.closed:
            self._idle.append((connection, time.monotonic()))
            if self._sweeper is None:
                self._sweep_in(self._idle_seconds)

    def _sweep_in(self, seconds: float) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        self._sweeper = None
        before = time.monotonic() - self._idle_seconds
        while self._idle and self._idle[0][1] <= before:
            self._idle.pop(0)[0].abort()
        if self._idle:
            self._sweep_in(self._idle[0][1] - before)


def _lines(headers: Mapping[str, str]) -> bytes:
    """Raises ValueError for a value that would end its line."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\n") != len(headers):
        raise ValueError("a header has more than one line")
    return lines.encode()
