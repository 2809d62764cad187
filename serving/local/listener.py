"""The listening socket, which can be closed for a while and opened again on the same port.

In: an address and an ASGI application. Out: a uvicorn server on it. Knows nothing of models. It gives each exchange its
transport, so that a fault can hang up, and closes the socket so that the kernel refuses new connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.local.http_exchange import TRANSPORT

BACKLOG = 2048


class PortTaken(Exception):
    """The server cannot listen on this address; the text is one line for the person who chose it."""


class _Protocol(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after a clean stop; here a requested stop is exit code 0.
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self.handle_exit, name, None)
        yield


class Listener:
    def __init__(self, host: str, port: int) -> None:
        self._socket = _listen(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._server: _Server | None = None
        self._reopen: asyncio.Task[None] | None = None

    async def serve(self, app: ASGIApp) -> None:
        """Returns after SIGINT, SIGTERM or stop(). Open calls get one second, then they are hung up on."""
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            # Longer than any client's own timeout, so that a pooled connection is never closed just as it is reused.
            timeout_keep_alive=75,
        )
        self._server = _Server(config)
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True

    def refuse(self, seconds: float) -> None:
        """Closes the socket now. Calls in flight go on; idle connections are closed, so pooled clients notice too."""
        server = self._server
        assert server is not None, "serve() comes first"
        for door in server.servers:
            door.close()
        self._socket.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        if self._reopen is not None:
            self._reopen.cancel()
        self._reopen = asyncio.create_task(self._open_again(server, seconds))

    async def _open_again(self, server: _Server, seconds: float) -> None:
        await asyncio.sleep(seconds)
        while True:
            try:
                self._socket = _listen(self.host, self.port)
                break
            except PortTaken as error:
                print(f"cannot listen again: {error}", file=sys.stderr, flush=True)
                await asyncio.sleep(0.5)
        protocol = functools.partial(
            _Protocol, config=server.config, server_state=server.server_state, app_state=server.lifespan.state
        )
        loop = asyncio.get_running_loop()
        server.servers = [await loop.create_server(protocol, sock=self._socket, backlog=BACKLOG)]


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family)
    except OSError as error:
        raise PortTaken(f"{host} is not an address of this machine: {error.strerror}") from None
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another --port, or 0 for a free one."
        ) from None
    listening.setblocking(False)
    return listening
