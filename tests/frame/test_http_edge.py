"""What clients send besides the plain request: offers to upgrade, HEAD, slashes at the end, half-closed connections."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import sys
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pytest

from shared.http.exchange import GO_ON
from shared.http.protocol import PROCESSING
from tests.waiting import wait_for
from workshop.grader.launch import ModelServer, started
from workshop.grader.subject import Subject

BODY = b'{"prompt":"Hola","max_tokens":4}'
CLOSE = "Connection: close"
# What the HTTP clients of the JDK, Ktor and Spring send by default.
OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")


@pytest.fixture(scope="module")
def subject(server: ModelServer) -> Iterator[Subject]:
    with started(
        "demos.demo_4_streaming.app:build", server, {"MAX_BODY_BYTES": "", "RATE_LIMIT_ANONYMOUS_RPM": "1000"}
    ) as subject:
        yield subject


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def post(*headers: str, path: str = "/generate", body: bytes = BODY) -> bytes:
    return head("POST", path, "Content-Type: application/json", f"Content-Length: {len(body)}", *headers)


@contextlib.contextmanager
def connected(subject: Subject) -> Iterator[socket.socket]:
    address = urlsplit(subject.service.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def rest_of(connection: socket.socket) -> bytes:
    received = b""
    while block := connection.recv(65536):
        received += block
    return received


def statuses(received: bytes) -> list[bytes]:
    return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("offered", [*OFFER[1:2], "Upgrade: websocket", "Upgrade: TLS/1.2, h2c"])
@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_an_offer_to_upgrade_is_declined_and_the_request_is_answered(offered: str, size: int, subject: Subject) -> None:
    """Twice on one connection, in pieces of `size` bytes: what follows such a request is HTTP/1.1 too."""
    offer = post(OFFER[0], offered, OFFER[2]) + BODY
    sent = offer + offer + post(CLOSE) + BODY
    with connected(subject) as connection:
        for start in range(0, len(sent), size):
            connection.sendall(sent[start : start + size])
        assert statuses(rest_of(connection)) == [b"200"] * 3


def test_an_offer_with_a_body_in_chunks_is_answered(subject: Subject) -> None:
    offer = head("POST", "/generate", "Content-Type: application/json", "Transfer-Encoding: chunked", *OFFER)
    with connected(subject) as connection:
        connection.sendall(offer + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY) + head("GET", "/health", CLOSE))
        assert statuses(rest_of(connection)) == [b"200", b"200"]


def test_a_tunnel_is_refused(subject: Subject) -> None:
    with connected(subject) as connection:
        connection.sendall(head("CONNECT", "example.com:443", CLOSE))
        assert statuses(rest_of(connection)) == [b"400"]


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/v1/models"])
def test_head_is_get_without_the_body(path: str, subject: Subject) -> None:
    with connected(subject) as connection:
        connection.sendall(head("HEAD", path, CLOSE))
        received = rest_of(connection)
    assert statuses(received) == [b"200"]
    assert received.endswith(b"\r\n\r\n")
    assert b"content-length: 0" not in received


@pytest.mark.parametrize("slashes", ["/", "//"])
def test_a_slash_at_the_end_is_the_same_route_and_no_redirect(slashes: str, subject: Subject) -> None:
    with connected(subject) as connection:
        connection.sendall(post(path=f"/generate{slashes}") + BODY + head("GET", f"/v1/models{slashes}", CLOSE))
        assert statuses(rest_of(connection)) == [b"200", b"200"]


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_CORK")
def test_a_client_that_closes_its_side_with_its_request_is_answered(subject: Subject) -> None:
    with connected(subject) as connection:
        # Both in one packet: they arrive together, however busy this machine is.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        connection.sendall(post() + BODY)
        connection.shutdown(socket.SHUT_WR)
        assert statuses(rest_of(connection)) == [b"200"]


def test_a_client_that_wants_one_answer_may_close_its_side_a_moment_after_its_request(subject: Subject) -> None:
    with subject.upstream.held() as gate, connected(subject) as connection:
        connection.sendall(post(CLOSE) + BODY)
        connection.shutdown(socket.SHUT_WR)
        gate.wait_for(1)
        gate.release()
        assert statuses(rest_of(connection)) == [b"200"]


def test_a_client_that_wants_one_answer_and_leaves_is_found_out(subject: Subject) -> None:
    """At first it looks like one that closed only its side."""
    with subject.upstream.held() as gate:
        with connected(subject) as connection:
            connection.sendall(post(CLOSE) + BODY)
            gate.wait_for(1)
        wait_for(lambda: subject.upstream.register()["in_flight"] == 0)


def test_a_client_that_closed_its_side_is_asked_whether_it_is_there_until_its_answer(subject: Subject) -> None:
    with subject.upstream.held() as gate, connected(subject) as connection:
        connection.sendall(post(CLOSE) + BODY)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(len(PROCESSING)) == PROCESSING
        assert connection.recv(len(PROCESSING)) == PROCESSING
        gate.release()
        assert statuses(rest_of(connection))[-1] == b"200"


def test_a_client_that_leaves_as_soon_as_the_upstream_has_its_call_ends_it(subject: Subject) -> None:
    for _ in range(20):
        with subject.upstream.held() as gate:
            with connected(subject) as connection:
                connection.sendall(post() + BODY)
                gate.wait_for(1)
            wait_for(lambda: subject.upstream.register()["in_flight"] == 0)


def in_segments(subject: Subject, pieces: Sequence[bytes]) -> bytes:
    with connected(subject) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
        with contextlib.suppress(ConnectionResetError):
            return rest_of(connection)
    return b""


def test_a_client_may_ask_again_on_its_connection(subject: Subject) -> None:
    asked = head("GET", "/health")
    assert statuses(in_segments(subject, [asked, asked, head("GET", "/health", CLOSE)])) == [b"200"] * 3


def test_a_client_that_sends_several_requests_at_once_and_leaves_ends_the_first_call_and_begins_no_other(
    subject: Subject,
) -> None:
    subject.upstream.forget_calls()
    with subject.upstream.held() as gate:
        with connected(subject) as connection:
            connection.sendall((post() + BODY) * 3)
            gate.wait_for(1)
        wait_for(lambda: subject.upstream.register()["in_flight"] == 0)
    assert subject.upstream.received() == 1


def test_a_client_of_http_1_0_gets_a_stream_that_ends_with_its_connection(subject: Subject) -> None:
    asked = post(path="/generate/stream").replace(b"HTTP/1.1", b"HTTP/1.0") + BODY
    received = in_segments(subject, [asked])
    answer, _, events = received.partition(b"\r\n\r\n")
    assert b"connection: close" in answer
    assert b"transfer-encoding" not in answer
    assert events.startswith(b"data: ")
    assert events.endswith(b"data: [DONE]\n\n")


def test_a_client_that_asks_whether_to_send_its_body_is_told_so_once(subject: Subject) -> None:
    with connected(subject) as connection:
        connection.sendall(post("Expect: 100-continue", CLOSE))
        assert connection.recv(len(GO_ON)) == GO_ON
        connection.sendall(BODY)
        assert statuses(rest_of(connection)) == [b"200"]


@pytest.mark.parametrize("size", [1000, 5000, 100_000])
def test_headers_count_once_however_they_arrive(size: int, subject: Subject) -> None:
    cookies = [f"X-Cookie-{number}: {'c' * 1000}" for number in range(25)]
    sent = head("GET", "/health", *cookies, CLOSE)
    assert 20_000 < len(sent) < 32_768
    pieces = [sent[start : start + size] for start in range(0, len(sent), size)]
    assert statuses(in_segments(subject, pieces)) == [b"200"]


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_constants_that_are_not_json_are_refused(constant: bytes, subject: Subject) -> None:
    body = b'{"messages":[{"role":"user","content":"NaN"}],"metadata":{"score":%s}}' % constant
    received = in_segments(subject, [post(CLOSE, path="/v1/chat/completions", body=body) + body])
    assert statuses(received) == [b"400"]
    assert b'"code":"invalid_json"' in received


def test_a_text_about_such_constants_is_answered(subject: Subject) -> None:
    body = b'{"prompt":"What is NaN, what is -Infinity?","max_tokens":4}'
    assert statuses(in_segments(subject, [post(CLOSE, body=body) + body])) == [b"200"]


def test_a_packed_body_is_415_and_says_why(subject: Subject) -> None:
    body = gzip.compress(BODY)
    received = in_segments(subject, [post("Content-Encoding: gzip", CLOSE, body=body) + body])
    assert statuses(received) == [b"415"]
    assert b"Content-Encoding" in received


def test_a_photo_fits_by_default(subject: Subject) -> None:
    photo = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + "A" * 5_000_000}}
    asked = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, photo]}]}
    body = json.dumps(asked | {"max_tokens": 4}).encode()
    received = in_segments(subject, [post(CLOSE, path="/v1/chat/completions", body=body) + body])
    assert b'"code":"payload_too_large"' not in received.partition(b"\r\n\r\n")[2] or b"1048576" in received


@pytest.mark.parametrize("options", [True, "yes", 1, ["include_usage"]])
def test_stream_options_of_a_wrong_type_are_400(options: object, subject: Subject) -> None:
    asked = {"messages": [{"role": "user", "content": "Hola"}], "stream": True, "stream_options": options}
    body = json.dumps(asked).encode()
    received = in_segments(subject, [post(CLOSE, path="/v1/chat/completions", body=body) + body])
    assert statuses(received) == [b"400"]
