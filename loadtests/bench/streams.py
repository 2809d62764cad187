"""The load of streams: a client that asks for them, times their first token, and counts every chunk.

It shares a core with the upstream, so it reads bytes and parses nothing: it looks for the exact bytes
of the upstream's token. `with_open` holds thousands of streams open at the same time.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast
from urllib.parse import urlsplit

from loadtests.bench.paced import TOKEN, wish
from loadtests.bench.target import Target, body
from workshop.processes import CannotStart

TOKEN_BYTES = TOKEN.strip().encode()
OVERLAP = len(TOKEN_BYTES) - 1  # bytes kept from the last read: less than a token, so that none is counted twice
LAST_CHUNK = b"0\r\n\r\n"  # ends a body in the chunked transfer encoding
PATIENCE = 120  # seconds
OPENING = 64  # streams that are opened at the same time
SILENCE_MS = 60_000  # between the first chunk of a held stream and its second


@dataclass(slots=True, frozen=True)
class Streamed:
    """Complete streams: the sum of their chunks, and each one's time to first token, in seconds."""

    chunks: int
    first_token: Sequence[float]


async def stream(target: Target, *, streams: int, at_once: int, chunks: int, apart_ms: int) -> Streamed:
    """Ask for `streams` streams, `at_once` of them at the same time. Raises CannotStart if one is incomplete."""
    loop = asyncio.get_running_loop()
    lanes = []
    for number in range(at_once):
        make = partial(Lane, target, chunks, apart_ms, streams // at_once)
        _, lane = await loop.create_connection(make, *target.address)
        lanes.append(lane)
        if number < at_once - 1:
            await asyncio.sleep(apart_ms / 1000 / at_once)  # so that their chunks take turns
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(lane.done for lane in lanes))
    except TimeoutError:
        raise CannotStart(f"{target.name} did not end its streams within {PATIENCE} seconds") from None
    return Streamed(sum(lane.chunks for lane in lanes), [seconds for lane in lanes for seconds in lane.first_token])


class Lane(asyncio.Protocol):
    """A connection that asks for one stream after another."""

    def __init__(self, target: Target, chunks: int, apart_ms: int, streams: int) -> None:
        self.chunks = 0
        self.first_token: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._target = target
        self._request = _request(target, body(wish(chunks, apart_ms), stream=True).encode())
        self._wanted = chunks
        self._left = streams
        self._counted, self._tail, self._got_head, self._said_done = 0, b"", False, False
        self._asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is not a subclass, but works like one
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        self._fail("closed the connection")

    def data_received(self, data: bytes) -> None:
        if not self._got_head:
            self._got_head = True
            if not data.startswith(b"HTTP/1.1 200"):
                self._fail(f"answered {data[:200]!r}")
        read = self._tail + data
        if tokens := read.count(TOKEN_BYTES):
            if not self._counted:
                self.first_token.append(time.perf_counter() - self._asked)
            self._counted += tokens
        self._said_done = self._said_done or b"data: [DONE]" in read
        self._tail = read[-OVERLAP:]
        if read.endswith(LAST_CHUNK):
            self._end()

    def _ask(self) -> None:
        self._left -= 1
        self._counted, self._tail, self._got_head, self._said_done = 0, b"", False, False
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def _end(self) -> None:
        if self._counted != self._wanted or not self._said_done:
            ending = "with" if self._said_done else "without"
            return self._fail(f"relayed {self._counted} of {self._wanted} chunks, {ending} [DONE]")
        self.chunks += self._counted
        if self._left:
            return self._ask()
        self.done.set_result(None)
        self._transport.close()

    def _fail(self, what: str) -> None:
        if not self.done.done():
            self.done.set_exception(CannotStart(f"{self._target.name} {what}"))
            self._transport.close()


async def with_open(target: Target, count: int, look: Callable[[], float]) -> float:
    """What `look` sees while `count` streams are open, each of which has had its first token. Raises CannotStart."""
    loop = asyncio.get_running_loop()
    held: list[Held] = []
    opening = asyncio.Semaphore(OPENING)

    async def hold() -> None:
        async with opening:
            _, one = await loop.create_connection(partial(Held, target), *target.address)
            held.append(one)
            await one.begun

    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(hold() for _ in range(count)))
        seen = look()
        if lost := sum(one.lost for one in held):
            raise CannotStart(f"{target.name} lost {lost} of {count} open streams")
        return seen
    except (TimeoutError, OSError) as fault:
        raise CannotStart(f"{target.name} did not open {count} streams: {fault!r}") from None
    finally:
        for one in held:
            one.close()


class Held(asyncio.Protocol):
    """A connection with one stream, which stays open after its first token."""

    def __init__(self, target: Target) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False
        self._target = target
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is not a subclass, but works like one
        self._transport.write(_request(self._target, body(wish(2, SILENCE_MS), stream=True).encode()))

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True
        if not self.begun.done():
            self.begun.set_exception(CannotStart(f"{self._target.name} closed a stream that it should hold open"))

    def data_received(self, data: bytes) -> None:
        read = self._tail + data
        if TOKEN_BYTES in read and not self.begun.done():
            self.begun.set_result(None)
        self._tail = read[-OVERLAP:]

    def close(self) -> None:
        self._transport.abort()


def _request(target: Target, content: bytes) -> bytes:
    url = urlsplit(target.url)
    headers = {"Host": url.netloc, "Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = [f"POST {url.path} HTTP/1.1", *(f"{n}: {v}" for n, v in {**headers, **target.headers}.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content
