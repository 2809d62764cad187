"""A server that sends given bytes, and a pool of connections to it, in uvloop as in the service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import uvloop
from yarl import URL

from shared.http_client.pool import Pool

T = TypeVar("T")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """The head and the body of the next request; empty if the client has gone."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    length = next((int(line.split(b":")[1]) for line in head.splitlines() if line.startswith(b"Content-Length")), 0)
    return head + await reader.readexactly(length)


def answering(*replies: bytes) -> Play:
    """Each request of a connection gets the next of these; after the last one the server hangs up."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            if not await request_of(reader):
                return
            writer.write(reply)
            await writer.drain()

    return play


@asynccontextmanager
async def served(play: Play, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[int]:
    """The port of a server that plays `play` on each connection."""
    playing = set[asyncio.Task[Any]]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        playing.add(task)
        with suppress(ConnectionError, asyncio.CancelledError):
            await play(reader, writer)
        writer.close()
        playing.discard(task)

    server = await asyncio.start_server(connected, host, 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in playing:
            task.cancel()


@asynccontextmanager
async def pooled(port: int, *, scheme: str = "http", host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Pool]:
    given = {"most": 4, "connect_seconds": 60.0, "idle_seconds": 60.0, **options}
    pool = Pool(URL(f"{scheme}://{host}:{port}/v1"), **given)
    try:
        yield pool
    finally:
        pool.close()


def post(pool: Pool, path: str = "/v1/chat", **headers: str) -> bytes:
    return pool.head("POST", pool.origin.with_path(path), headers)
