"""The upstream of streams: a server that sends as many chunks as it is asked for, each at its time.

`python -m loadtests.bench.paced --port P`. A request says what it wants in its prompt, the one field that every gateway
passes on: "200 chunks, 10 ms apart". The first chunk comes at once. Written directly on asyncio's transports, because
it shares a core with the load and must cost next to nothing.
"""

import argparse
import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sys import executable
from typing import cast

import uvloop

from loadtests.bench.static import MODEL, MODELS
from workshop.processes import Process, free_port

TOKEN = " token-by-token"  # the text of every chunk: long enough not to occur anywhere else
WISH = re.compile(rb"(\d+) chunks, (\d+) ms apart")
USAGE_WANTED = re.compile(rb'"include_usage":\s*true')

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
HEALTHY, OWN_MODELS = (JSON % (len(content), content.encode()) for content in ("{}", MODELS))
WRONG = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def wish(chunks: int, milliseconds: int) -> str:
    """The prompt that asks for this many chunks, this far apart."""
    return f"{chunks} chunks, {milliseconds} ms apart"


def _event(choices: list[dict[str, object]], **others: object) -> bytes:
    chunk = {"id": "chatcmpl-paced", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    return _framed(b"data: " + json.dumps({**chunk, "choices": choices, **others}, separators=(",", ":")).encode())


def _usage(chunks: int) -> bytes:
    return _event([], usage={"prompt_tokens": 12, "completion_tokens": chunks, "total_tokens": 12 + chunks})


def _framed(line: bytes) -> bytes:
    event = line + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


ROLE = _event([_choice({"role": "assistant", "content": ""})])
CHUNKS = [
    _event([_choice({"content": f"{TOKEN} {number}"})]) for number in range(10)
]  # LiteLLM ends a stream of equal chunks
STOP = _event([_choice({}, "stop")])
DONE = _framed(b"data: [DONE]") + b"0\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client. Requests come one at a time: no client here pipelines them."""

    def __init__(self) -> None:
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class is not a subclass, but works like one
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if not end or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        if head.startswith(b"GET"):
            self._transport.write(OWN_MODELS if b"/models" in head else HEALTHY)
        elif (wanted := WISH.search(body)) is None:
            self._transport.write(WRONG)
        else:
            chunks, apart = int(wanted[1]), int(wanted[2]) / 1000
            usage = _usage(chunks) if USAGE_WANTED.search(body) else b""
            self._begin(chunks, apart, STOP + usage + DONE)

    def _begin(self, chunks: int, apart: float, end: bytes) -> None:
        self._transport.write(HEAD + ROLE + CHUNKS[0])
        began = self._loop.time()
        # Timed from the start, not from the last chunk: one late chunk must not delay all the others.
        self._plan = (
            (began + number * apart, CHUNKS[number % len(CHUNKS)] if number < chunks else end)
            for number in range(1, chunks + 1)
        )
        self._wait()

    def _wait(self) -> None:
        due, what = next(self._plan, (0.0, b""))
        self._timer = self._loop.call_at(due, self._send, what) if what else None

    def _send(self, what: bytes) -> None:
        self._transport.write(what)
        self._wait()


@contextmanager
def paced_upstream(folder: Path) -> Iterator[str]:
    """Start the server; yields its base URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [executable, "-m", "loadtests.bench.paced", "--port", str(port)]
    with Process("the paced upstream", command, f"{url}/health", output=folder / "paced.log"):
        yield f"{url}/v1"


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.paced")
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
