"""The upstream of the streams keeps the given pace, and the client counts its chunks correctly."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.bench.contenders import BY_AIOHTTP, BY_OUR_CLIENT, Passthrough
from loadtests.bench.paced import TOKEN, paced_upstream, wish
from loadtests.bench.streams import Streamed, stream, with_open
from loadtests.bench.target import Target, body
from workshop.processes import CannotStart

APART = 0.03


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with paced_upstream(tmp_path_factory.mktemp("paced")) as url:
        yield url


def ask(target: Target, *, streams: int = 6, at_once: int = 3, chunks: int = 7) -> Streamed:
    return asyncio.run(stream(target, streams=streams, at_once=at_once, chunks=chunks, apart_ms=1))


def test_no_chunk_comes_before_its_time(upstream: str) -> None:
    async def arrivals() -> list[float]:
        target = Target("the upstream", f"{upstream}/chat/completions")
        reader, writer = await asyncio.open_connection(*target.address)
        content = body(wish(5, int(APART * 1000)), stream=True).encode()
        began = time.monotonic()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))
        seen = []
        while (line := await reader.readline()) != b"data: [DONE]\n":
            if TOKEN.encode() in line:
                seen.append(time.monotonic() - began)
        writer.close()
        return seen

    seen = asyncio.run(arrivals())
    assert len(seen) == 5
    tick = 0.002  # the resolution of the upstream's clock
    assert all(when >= number * APART - tick for number, when in enumerate(seen))


def test_all_chunks_of_all_streams_are_counted_and_each_first_token_timed(upstream: str) -> None:
    streamed = ask(Target("the upstream", f"{upstream}/chat/completions"))
    assert streamed.chunks == 6 * 7
    assert len(streamed.first_token) == 6


def test_usage_comes_only_if_the_request_asks_for_it(upstream: str) -> None:
    async def answer(options: bytes) -> bytes:
        target = Target("the upstream", f"{upstream}/chat/completions")
        reader, writer = await asyncio.open_connection(*target.address)
        content = b'{"prompt": "%s"%s}' % (wish(2, 0).encode(), options)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))
        said = await reader.readuntil(b"[DONE]")
        writer.close()
        return said

    assert b'"usage"' not in asyncio.run(answer(b""))
    assert b'"completion_tokens":2' in asyncio.run(answer(b', "stream_options": {"include_usage": true}'))


@pytest.mark.parametrize("passthrough", [BY_AIOHTTP, BY_OUR_CLIENT], ids=lambda one: one.app)
def test_a_pass_through_relays_streams(passthrough: Passthrough, upstream: str, tmp_path: Path) -> None:
    contender = passthrough(upstream, tmp_path)
    contender.process.command = contender.process.command[3:]  # not pinned to a core
    with contender.process:
        assert ask(contender.target).chunks == 6 * 7


def test_many_streams_are_open_at_once_each_with_its_first_token(upstream: str) -> None:
    target = Target("the upstream", f"{upstream}/chat/completions")
    looks: list[int] = []

    def look() -> float:
        looks.append(connections_to(target.address[1]))
        return 7.5

    assert asyncio.run(with_open(target, 100, look)) == 7.5
    assert looks == [100]


def connections_to(port: int) -> int:
    """Established connections of this machine to the port, as the kernel lists them."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(remote.endswith(f":{port:04X}") and state == "01" for _, _, remote, state, *_ in lines)


def test_a_stream_that_is_not_held_open_ends_the_measurement() -> None:
    async def short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def asked() -> None:
        server = await asyncio.start_server(short, "127.0.0.1")
        async with server:
            port = server.sockets[0].getsockname()[1]
            await with_open(Target("somebody", f"http://127.0.0.1:{port}/v1/chat/completions"), 3, lambda: 0.0)

    with pytest.raises(CannotStart, match="somebody closed a stream"):
        asyncio.run(asked())


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 500 Oh\r\n\r\n", "answered b'HTTP/1.1 500 Oh"),
        (b"HTTP/1.1 200 OK\r\n\r\ndata: %s\n\ndata: [DONE]\n\n0\r\n\r\n" % TOKEN.encode(), "relayed 1 of 2 chunks"),
        (
            b"HTTP/1.1 200 OK\r\n\r\n%s%s0\r\n\r\n" % (TOKEN.encode(), TOKEN.encode()),
            r"relayed 2 of 2 chunks, without \[DONE\]",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\ndata: half", "closed the connection"),
    ],
)
def test_an_incomplete_stream_ends_the_benchmark(answer: bytes, complaint: str) -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def asked() -> None:
        server = await asyncio.start_server(broken, "127.0.0.1")
        async with server:
            port = server.sockets[0].getsockname()[1]
            target = Target("somebody", f"http://127.0.0.1:{port}/v1/chat/completions")
            await stream(target, streams=1, at_once=1, chunks=2, apart_ms=0)

    with pytest.raises(CannotStart, match=f"somebody {complaint}"):
        asyncio.run(asked())


def test_a_token_that_arrives_in_two_pieces_is_counted_once() -> None:
    async def in_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        whole = TOKEN.encode() * 3 + b"data: [DONE]\n\n0\r\n\r\n"
        for at in range(0, len(whole), 5):
            writer.write(whole[at : at + 5])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    async def asked() -> Streamed:
        server = await asyncio.start_server(in_pieces, "127.0.0.1")
        async with server:
            port = server.sockets[0].getsockname()[1]
            target = Target("somebody", f"http://127.0.0.1:{port}/v1/chat/completions")
            return await stream(target, streams=1, at_once=1, chunks=3, apart_ms=0)

    assert asyncio.run(asked()).chunks == 3
