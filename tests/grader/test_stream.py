"""A stream is read event by event, however its bytes are split into blocks."""

import contextlib
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from tests.grader.conftest import Stranger
from workshop.grader.service import Service


class Streamer:
    """A service that streams given blocks, can wait before one of them, and can break off."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.breaks_off = False
        self.gap = 0.0  # seconds
        self.waits_before: int | None = None
        self.go_on = Event()
        self.url = ""


@pytest.fixture
def streamer() -> Iterator[Streamer]:
    streamer = Streamer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the client has left
                self.write()

        def write(self) -> None:
            for number, block in enumerate(streamer.blocks):
                if number == streamer.waits_before:
                    streamer.go_on.wait(60)
                time.sleep(streamer.gap)
                self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
            if streamer.breaks_off:
                self.close_connection = True
                return
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        streamer.url = f"http://127.0.0.1:{server.server_address[1]}"
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield streamer
        streamer.go_on.set()
        server.shutdown()


@pytest.fixture
def service(streamer: Streamer) -> Iterator[Service]:
    service = Service(streamer.url, patience=60)
    yield service
    service.close()


def test_events_are_complete_however_their_bytes_are_split(streamer: Streamer, service: Service) -> None:
    wire = ': hello\n\ndata: {"a": "ñandú"}\r\n\r\ndata: two\ndata: lines\n\ndata: [DONE]\n\n'.encode()
    streamer.blocks = [wire[i : i + 1] for i in range(len(wire))]
    with service.stream("/generate/stream", {"prompt": "Hola"}) as stream:
        stream.read()
    assert stream.status == 200
    assert stream.data == ['{"a": "ñandú"}', "two\nlines", "[DONE]"]
    assert stream.comments == ["hello"]
    assert stream.ended
    assert not stream.fault


def test_an_event_is_available_as_soon_as_it_arrives(streamer: Streamer, service: Service) -> None:
    streamer.blocks, streamer.waits_before = [b"data: 1\n\n", b"data: 2\n\n"], 1
    with service.stream("/generate/stream", {}) as stream:
        stream.read(lambda stream: len(stream.data) == 1)
        assert stream.data == ["1"]
        streamer.go_on.set()
        stream.read()
    assert stream.data == ["1", "2"]
    assert stream.events[0].at <= stream.events[1].at


def test_a_broken_connection_is_reported_with_the_events_before_it(streamer: Streamer, service: Service) -> None:
    streamer.blocks, streamer.breaks_off = [b"data: 1\n\n"], True
    with service.stream("/generate/stream", {}) as stream:
        stream.read()
    assert stream.data == ["1"]
    assert not stream.ended
    assert "the connection broke" in stream.answer.summary


def test_a_silent_stream_ends_with_the_clients_patience(streamer: Streamer, service: Service) -> None:
    streamer.blocks, streamer.waits_before = [b"data: 1\n\n", b"data: 2\n\n"], 1
    with service.stream("/generate/stream", {}, patience=0.2) as stream:
        stream.read()
    assert stream.data == ["1"]
    assert stream.answer.summary == "200 data: 1\n\n… and then nothing more"


def test_an_endless_series_of_comments_ends_with_the_clients_patience(streamer: Streamer, service: Service) -> None:
    streamer.blocks, streamer.gap = [b": still here\n\n"] * 1000, 0.01
    with service.stream("/generate/stream", {}, patience=0.2) as stream:
        stream.read()
    assert stream.comments
    assert stream.fault == "and no end within 0.2 seconds"


def test_an_answer_that_is_not_a_stream_is_read_as_a_whole(stranger: Stranger) -> None:
    service = Service(stranger.url)
    with service.stream("/generate/stream", {"prompt": "Hola"}) as stream:
        stream.read()
    service.close()
    assert stream.answer.json == {"hello": "world"}
    assert stream.answer.curl.startswith("curl -iN -X POST")
    assert stranger.seen[0].body == '{"prompt": "Hola"}'


def test_without_a_server_the_stream_has_no_status() -> None:
    service = Service("http://127.0.0.1:9", patience=1)
    with service.stream("/generate/stream", {}) as stream:
        stream.read()
    service.close()
    assert stream.status is None
    assert stream.answer.text.startswith("no answer")
