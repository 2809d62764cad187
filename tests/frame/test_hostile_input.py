"""Hostile input gets a clear error in the envelope, and the next request works. A client that leaves costs no more."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.waiting import wait_for
from workshop.grader.launch import ModelServer, started
from workshop.grader.subject import Subject

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def subject(server: ModelServer) -> Iterator[Subject]:
    with started("demos.demo_1_guarded.app:build", server, {"TIMEOUT": "100"}) as subject:
        yield subject


def raw(subject: Subject, sent: bytes, *, hang_up: bool = False) -> bytes:
    """Sends bytes over a separate connection, and returns the bytes that arrive."""
    address = urlsplit(subject.service.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        received = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # answered before everything was sent
            connection.sendall(sent)
            if hang_up:
                return b""
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(65536):
                received += block
        return received


def post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /generate HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def body_of(response: bytes) -> dict[str, str]:
    head, _, body = response.partition(b"\r\n\r\n")
    envelope = json.loads(body)
    assert f"x-request-id: {envelope['error']['request_id']}".encode() in head.lower()
    assert set(envelope["error"]) == {"message", "type", "param", "code", "request_id"}
    error: dict[str, str] = envelope["error"]
    return error


BODIES = {
    "empty body": b"",
    "broken JSON": b'{"prompt": "hola',
    "an array": b"[]",
    "not text at all": bytes(range(256)),
    "invalid UTF-8": b'{"prompt": "\xff\xfe"}',
    "a lone surrogate": b'{"prompt": "\\ud800"}',
    "a NUL character": b'{"prompt": "a\\u0000b"}',
    "a raw NUL byte": b'{"prompt": "a\x00b"}',
    "an empty prompt": b'{"prompt": ""}',
    "a blank prompt": '{"prompt": " \\n\\t\u2003"}'.encode(),
    "a prompt of 5000 characters": json.dumps({"prompt": "a" * 5000}).encode(),
    "a prompt that is a number": b'{"prompt": 5}',
    "no prompt": b"{}",
    "temperature 3": b'{"prompt": "a", "temperature": 3}',
    "temperature NaN": b'{"prompt": "a", "temperature": NaN}',
    "temperature as text": b'{"prompt": "a", "temperature": "0.7"}',
    "max_tokens 0": b'{"prompt": "a", "max_tokens": 0}',
    "max_tokens 1e400": b'{"prompt": "a", "max_tokens": 1e400}',
    "max_tokens with a thousand digits": b'{"prompt": "a", "max_tokens": ' + b"9" * 1000 + b"}",
    "a blank model": b'{"prompt": "a", "model": " "}',
    "ten thousand brackets": b"[" * 10_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_does_not_validate_is_422_and_the_next_request_works(body: bytes, subject: Subject) -> None:
    response = raw(subject, post(body, "Content-Type: application/json"))
    assert response.startswith(b"HTTP/1.1 422 "), response[:300]
    assert body_of(response)["type"] == "invalid_request_error"
    subject.answered("Hola")


def test_a_body_of_two_megabytes_is_413_whether_its_length_is_declared_or_not(subject: Subject) -> None:
    body = json.dumps({"prompt": "a" * 2_000_000}).encode()
    assert raw(subject, post(body, "Content-Type: application/json")).startswith(b"HTTP/1.1 413 ")
    head = b"POST /generate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    chunks = b"".join(b"10000\r\n" + body[at : at + 0x10000].ljust(0x10000) + b"\r\n" for at in range(0, 2**21, 2**16))
    response = raw(subject, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 413 "), response[:200]
    subject.answered("Hola")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "\xff"])
def test_a_wrong_content_type_is_415(kind: str, subject: Subject) -> None:
    response = raw(subject, post(b'{"prompt": "hola"}', f"Content-Type: {kind}"))
    assert response.startswith(b"HTTP/1.1 415 "), response[:300]
    assert "application/json" in body_of(response)["message"]


HEADS = {
    "one header of a megabyte": (b"X: " + b"a" * 1_000_000 + b"\r\n", 431),
    "a header that never ends": (b"X: " + b"a" * 1_000_000, 431),
    "a hundred thousand headers": (b"X: a\r\n" * 100_000, 431),
    "a header without a colon": (b"no colon here\r\n\r\n", 400),
}


@pytest.mark.parametrize(("head", "status"), HEADS.values(), ids=HEADS.keys())
def test_a_header_bomb_is_refused_before_it_is_kept(head: bytes, status: int, subject: Subject) -> None:
    response = raw(subject, b"POST /generate HTTP/1.1\r\nHost: x\r\n" + head)
    assert response.startswith(f"HTTP/1.1 {status} ".encode()), response[:200]
    assert body_of(response)["message"]
    subject.answered("Hola")


def test_an_endless_path_is_431(subject: Subject) -> None:
    assert raw(subject, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 431 ")


def test_bytes_that_are_not_http_are_400_in_the_envelope(subject: Subject) -> None:
    response = raw(subject, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert response.startswith(b"HTTP/1.1 400 ")
    assert body_of(response)["code"] == "malformed_http"


def test_many_clients_that_leave_in_the_middle_of_a_body_do_no_harm(subject: Subject) -> None:
    half = post(b'{"prompt": "hola"}', "Content-Type: application/json")[:-5]
    for _ in range(50):
        raw(subject, half, hang_up=True)
    subject.answered("Hola")


def test_a_client_that_leaves_cancels_its_call_at_the_upstream(subject: Subject) -> None:
    with subject.upstream.held() as gate:
        address = urlsplit(subject.service.url)
        sent = post(b'{"prompt": "hola"}', "Content-Type: application/json")
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(sent)
            gate.wait_for(1)
        _wait_for(subject, in_flight=0, cancelled=1)  # though the upstream never answers here
    wait_for(lambda: '"outcome":"left","error":null,"status":499' in subject.log.text(), subject.log.text)


def _wait_for(subject: Subject, **counts: int) -> None:
    def counted() -> bool:
        register = subject.upstream.register()
        return all(register[name] == count for name, count in counts.items())

    wait_for(counted, subject.upstream.register)


def test_health_answers_at_once_while_fifty_slow_generations_are_in_flight(subject: Subject) -> None:
    """If the event loop were blocked, /health would wait for a generation."""

    async def slow_generations() -> None:
        address = urlsplit(subject.service.url)
        sent = post(b'{"prompt": "hola"}', "Content-Type: application/json")

        async def one() -> bytes:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(sent)
            response = await reader.read()
            writer.close()
            return response

        responses = await asyncio.gather(*(one() for _ in range(50)))
        assert all(response.startswith(b"HTTP/1.1 200 ") for response in responses)

    def p99() -> float:
        times = sorted(subject.service.get("/health").ms for _ in range(100))
        return times[98]

    at_rest = p99()
    with subject.upstream.held() as gate:
        crowd = threading.Thread(target=asyncio.run, args=(slow_generations(),))
        crowd.start()
        gate.wait_for(50)
        under_load = p99()
        still_there = gate.held
        gate.release()
        crowd.join()
    print(f"/health p99: {at_rest:.1f} ms at rest, {under_load:.1f} ms beside 50 slow generations")
    assert still_there == 50
    assert under_load < 1000
