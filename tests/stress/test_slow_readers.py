"""Clients that do not read delay only their own stream. Clients that never read are dropped.

The upstream sends as fast as it can. While a client does not read, the gateway stops reading from the upstream.
"""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stress.client import CHAT, CHAT_STREAM, GENERATE, STREAMS, Route, Seen, ask, connections
from tests.stress.gateway import MB, Gateway, Peak, running
from tests.stress.raw_upstream import Peer, Play, RawUpstream, bytes_play, raw_upstream
from tests.stress.replies import DONE, END, ROLE, completion, good, http, stream, word
from tests.waiting import LIMIT, wait_for, wait_until_still

SLOW = 50
WORD = "x" * 16_384
WORDS = 1000  # 16 MB per stream: more than the network buffers hold
ROOM = 150 * MB  # for all streams together: 3 MB of buffers for each, of 800 MB that are sent
NEVER_READS = 10
LARGE = 12 * MB  # in one piece: more than the network buffers hold
SILENCE = 2.0  # seconds


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    with raw_upstream() as upstream:
        yield upstream


class SlowClient:
    """Asks for a stream, but reads nothing until `read` is called."""

    def __init__(self, gateway: Gateway, route: Route, request_id: str, connection: str = "close") -> None:
        self.seen = Seen(route, request_id)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", gateway.port))
        body = json.dumps(route.body("Hola")).encode()
        head = [
            f"POST {route.path} HTTP/1.1",
            "Host: x",
            "Content-Type: application/json",
            f"X-Request-ID: {request_id}",
        ]
        head += [f"Connection: {connection}", f"Content-Length: {len(body)}", "", ""]
        self._socket.sendall("\r\n".join(head).encode() + body)

    def read(self, pause: float = 0.0) -> bytes:
        """Everything up to the end of the connection; pauses after each quarter of a megabyte."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MB)
        self._socket.settimeout(60)
        received = bytearray()
        while block := self._socket.recv(MB // 4, socket.MSG_WAITALL):
            received += block
            time.sleep(pause)
        self._socket.close()
        return bytes(received)

    def close(self) -> None:
        self._socket.close()


def told(sent: list[int]) -> Play:
    """A long stream at full speed; `sent` counts the words that were sent."""

    async def play(peer: Peer) -> None:
        await peer.send(stream(ROLE))
        for _ in range(WORDS):
            await peer.send(word(WORD))
            sent[0] += 1
        await peer.send(END + DONE)

    return play


def test_clients_that_do_not_read_for_a_while_cost_little_memory_and_disturb_nobody(
    upstream: RawUpstream, tmp_path: Path
) -> None:
    sent = [0]
    # Below, one client reads after the other: on a slow machine, the last one does not read for minutes.
    with running(upstream.url, tmp_path, STREAM_SILENCE_TIMEOUT="600") as gateway:
        upstream.plays |= {f"slow.{number}": told(sent) for number in range(SLOW)}
        upstream.plays |= {
            f"quick.{number}": bytes_play(good("so it is", streams=number % 2 == 0)) for number in range(40)
        }
        with Peak(gateway) as memory:
            slow = [SlowClient(gateway, STREAMS[number % 2], f"slow.{number}") for number in range(SLOW)]
            wait_until_still(lambda: sent[0])  # the upstream has sent as much as it can
            assert sent[0] < SLOW * WORDS, "the network buffered everything: nothing had to wait"

            quick = asyncio.run(quick_ones(gateway))
            assert gateway.places()[0] == SLOW
            wrong = [f"{one.request_id}: {one.wrong() or one.status}" for one in quick if not one.complete]
            assert not wrong, "\n".join(wrong[:5])
        print(f"{memory.grew / MB:.1f} MB more with {SLOW} streams that nobody reads")
        assert memory.grew < ROOM

        received = [client.read() for client in slow]
        for whole in received:
            assert whole.count(b"x") > len(WORD) * WORDS
            assert b"data: [DONE]" in whole[-100:]
        wait_for(lambda: gateway.places() == (0, 0), what=gateway.places)
    assert {line["outcome"] for line in gateway.lines()} == {"finished"}


async def quick_ones(gateway: Gateway) -> list[Seen]:
    async with connections() as session:
        return [
            await ask(session, gateway.url, CHAT_STREAM if number % 2 == 0 else GENERATE, f"quick.{number}")
            for number in range(40)
        ]


def test_clients_that_never_read_are_dropped_with_all_their_resources(upstream: RawUpstream, tmp_path: Path) -> None:
    sent = [0]
    with running(upstream.url, tmp_path, STREAM_SILENCE_TIMEOUT=str(SILENCE), STREAM_KEEPALIVE_SEC="0.5") as gateway:
        upstream.plays |= {f"never.{number}": told(sent) for number in range(NEVER_READS)}
        clients = [SlowClient(gateway, STREAMS[number % 2], f"never.{number}") for number in range(NEVER_READS)]
        wait_for(lambda: gateway.places()[0] == NEVER_READS)
        wait_for(lambda: gateway.places() == (0, 0), seconds=SILENCE + LIMIT, what=gateway.places)
        wait_for(lambda: gateway.connections_to(upstream.port) == 0, what=lambda: "the upstream is still connected")
        wait_for(lambda: gateway.clients() == 0, what=lambda: f"{gateway.clients()} client sockets are still open")
        for client in clients:
            client.close()
        wait_for(lambda: len(gateway.lines()) == NEVER_READS)
    for line in gateway.lines():
        assert (line["outcome"], line["status"]) == ("left", 499)
        assert line["latency_ms"] > SILENCE * 1000
        assert line["tokens_output"] > 0


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_whole_answer_that_nobody_reads_is_dropped(connection: str, upstream: RawUpstream, tmp_path: Path) -> None:
    large = http(json.dumps(completion("so it is", padding="x" * LARGE)).encode())
    names = [f"large.{connection}.{number}" for number in range(NEVER_READS)]
    upstream.plays |= {name: bytes_play(large) for name in names}
    with running(upstream.url, tmp_path, build="tests.stress.app:impatient") as gateway:
        clients = [SlowClient(gateway, CHAT, name, connection) for name in names]
        wait_for(lambda: len(gateway.lines()) == NEVER_READS)
        wait_for(lambda: gateway.clients() == 0, what=lambda: f"{gateway.clients()} client sockets are still open")
        for client in clients:
            client.close()


def test_a_slow_reader_gets_the_whole_answer(upstream: RawUpstream, tmp_path: Path) -> None:
    """Reading takes several times as long as the time limit for a client that reads nothing."""
    answer = json.dumps(completion("so it is", padding="x" * LARGE)).encode()
    upstream.plays["patient"] = bytes_play(http(answer))
    with running(upstream.url, tmp_path, build="tests.stress.app:impatient") as gateway:
        assert SlowClient(gateway, CHAT, "patient").read(pause=0.1).endswith(answer)
