"""Responses as servers really send them, cut in any place: what is read, and when the connection is used again."""

import asyncio
import gzip
import zlib

import pytest

from shared.http_client.faults import Dropped, HttpFault, NotHttp, TooLarge
from tests.http_client.conftest import OK, answering, pooled, post, request_of, run, served
from tests.waiting import wait_on_loop

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MOST = 1 << 20
GZIP = gzip.compress(b"ok", mtime=0)
LOOKS = 20  # at a sender, without any progress in between: it is stuck


def whole(reply: bytes, *, piece: int = 0, most: int = MOST) -> tuple[int, bytes, tuple[int, int]]:
    """Status and body of `reply`, sent in pieces of that many bytes, and the connections afterwards."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await request_of(reader):
            for start in range(0, len(reply), piece or len(reply)):
                writer.write(reply[start : start + (piece or len(reply))])
                await writer.drain()
                await asyncio.sleep(0)
            if b"Content-Length" not in reply and b"chunked" not in reply:
                return

    async def ask() -> tuple[int, bytes, tuple[int, int]]:
        async with served(play) as port, pooled(port) as pool:
            response = await pool.send(post(pool), b"{}")
            try:
                body = await response.read(most)
            finally:
                response.close()
            return response.status, body, pool.connections

    return run(ask())


REPLIES = {
    "with a length": (OK, b"ok"),
    "in chunks": (CHUNKED + b"1\r\no\r\n1;name=value\r\nk\r\n0\r\n\r\n", b"ok"),
    "with trailers": (CHUNKED + b"2\r\nok\r\n0\r\nX-Later: yes\r\n\r\n", b"ok"),
    "after interim responses": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
        b"ok",
    ),
    "without a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "with a value in several lines": (b"HTTP/1.1 200 OK\r\nX: 1\r\nX: 2\r\nContent-Length: 2\r\n\r\nok", b"ok"),
}


@pytest.mark.parametrize("piece", [0, 1, 7])
@pytest.mark.parametrize("reply", REPLIES)
def test_a_response_is_read_to_its_end_and_its_connection_is_kept(reply: str, piece: int) -> None:
    sent, expected = REPLIES[reply]
    assert whole(sent, piece=piece) == (200, expected, (1, 0))


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"],
)
def test_a_body_without_a_length_ends_with_its_connection(head: bytes, piece: int) -> None:
    status, body, (_, in_use) = whole(head + b"ok", piece=piece)
    assert (status, body, in_use) == (200, b"ok", 0)


def test_a_server_that_says_it_will_close_gets_no_second_request() -> None:
    reply = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert whole(reply) == (200, b"ok", (0, 0))


FAULTS = {
    "a body that is shorter than its length": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", Dropped),
    "chunks without an end": (CHUNKED + b"2\r\nok\r\n", Dropped),
    "nothing": (b"", Dropped),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", Dropped),
    "a greeting of another protocol": (b"220 mail.example.com ESMTP\r\n", NotHttp),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", NotHttp),
    "a length and chunks": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + CHUNKED[17:] + b"0\r\n\r\n", NotHttp),
    "a chunk of no size": (CHUNKED + b"x\r\nok\r\n0\r\n\r\n", NotHttp),
    "another protocol from now on": (b"HTTP/1.1 101 Now X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", NotHttp),
    "a head without an end": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000, NotHttp),
    "ten thousand headers": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", NotHttp),
    "a header without an end": (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000, NotHttp),
    "interim responses without an end": (b"HTTP/1.1 100 Continue\r\n\r\n" * 50_000, NotHttp),
    "trailers without an end": (CHUNKED + b"0\r\n" + b"X: y\r\n" * 200_000, NotHttp),
    "an encoding that nobody asked for": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok", NotHttp
    ),
    "a body that is not in its encoding": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", NotHttp
    ),
    "half a gzip": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + GZIP[:12], NotHttp
    ),
    "more than its reader takes": (b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"o" * 2_000_000, TooLarge),
    "a quarter of a gigabyte in as much of a megabyte": (
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
        + b"%x\r\n%b\r\n0\r\n\r\n" % (len(bomb := gzip.compress(bytes(1 << 20), mtime=0) * 256), bomb), TooLarge
    ),
}  # fmt: skip


@pytest.mark.parametrize("reply", FAULTS)
def test_what_is_no_response_is_one_fault_and_its_connection_is_not_used_again(reply: str) -> None:
    sent, kind = FAULTS[reply]

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(sent)
        await writer.drain()

    async def ask() -> None:
        async with served(play) as port, pooled(port) as pool:
            try:
                response = await pool.send(post(pool), b"{}")
                try:
                    await response.read(MOST)
                finally:
                    response.close()
            finally:
                await wait_on_loop(lambda: pool.connections == (0, 0))

    with pytest.raises(HttpFault) as fault:
        run(ask())
    assert type(fault.value) is kind


@pytest.mark.parametrize("piece", [0, 1, 5])
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_encoded_body_is_decoded(encoding: str, piece: int) -> None:
    in_two_members = gzip.compress(b"o") + gzip.compress(b"k")
    encoded = in_two_members if encoding == "gzip" else zlib.compress(b"ok")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(encoded)}\r\n\r\n".encode()
    assert whole(head + encoded, piece=piece)[:2] == (200, b"ok")


def test_repeated_headers_are_one_list_with_names_in_lower_case() -> None:
    async def ask() -> object:
        reply = b"HTTP/1.1 200 OK\r\nVia: a\r\nVIA: b\r\nContent-Length: 2\r\n\r\nok"
        async with served(answering(reply)) as port, pooled(port) as pool:
            return (await pool.send(post(pool), b"{}")).headers

    assert run(ask()) == {"via": "a,b", "content-length": "2"}


def test_a_stream_is_handed_out_as_it_comes() -> None:
    async def ask() -> list[bytes]:
        told = asyncio.Event()

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await request_of(reader)
            writer.write(CHUNKED)
            for word in (b"one", b"two"):
                await told.wait()
                told.clear()
                writer.write(b"3\r\n%b\r\n" % word)
            await told.wait()
            writer.write(b"0\r\n\r\n")

        async with served(play) as port, pooled(port) as pool:
            response = await pool.send(post(pool), b"{}")
            came = []
            told.set()
            while block := await response.block():
                came.append(block)
                told.set()
            return came

    assert run(ask()) == [b"one", b"two"]


def test_a_reader_that_does_not_read_slows_the_sender_down() -> None:
    async def ask() -> tuple[int, int]:
        sent = 0

        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            for _ in range(1000):
                writer.write(bytes(100_000))
                await writer.drain()
                sent += 100_000

        async with served(play) as port, pooled(port) as pool:
            response = await pool.send(post(pool), b"{}")
            seen = list[int]()

            def is_stuck() -> bool:
                seen.append(sent)
                return sent > 0 and seen[-LOOKS:] == [sent] * LOOKS

            await wait_on_loop(is_stuck)
            stuck, read = sent, 0
            while block := await response.block():
                read += len(block)
            return stuck, read

    stuck, read = run(ask())
    assert stuck < 30_000_000  # what the kernel holds for both sides
    assert read == 100_000_000


def test_a_response_that_nobody_reads_does_not_hold_up_the_next_one() -> None:
    async def ask() -> bytes:
        large = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + bytes(200_000)
        async with served(answering(large, OK)) as port, pooled(port, most=1) as pool:
            first = await pool.send(post(pool), b"{}")
            while not first.complete:
                await first.block()
            second = await pool.send(post(pool), b"{}")
            return await second.read(MOST)

    assert run(ask()) == b"ok"
