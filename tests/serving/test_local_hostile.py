"""Hostile input gets a clear error, and the next caller notices nothing."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import LocalServer

MODEL = "workshop-tiny"


def raw(content: bytes) -> bytes:
    return b'{"model":"workshop-tiny","max_tokens":2,"messages":[{"role":"user","content":' + content + b"}]}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[1,2]",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"model":"workshop-tiny"}',
        b'{"model":7,"messages":[]}',
        raw(b'"\\ud800"'),
        raw(b'"lone \\udfff surrogate"'),
        raw(b'"\xed\xa0\x80"'),
        raw(b'"nul \\u0000 inside"'),
        raw(b'[{"type":"image_url","image_url":{"url":"x"}}]'),
        raw(b"42"),
        b"[" * 5000,
        b'{"model":"workshop-tiny","temperature":NaN,"messages":[{"role":"user","content":"x"}]}',
        b'{"model":"workshop-tiny","seed":1e400,"messages":[{"role":"user","content":"x"}]}',
    ],
)
def test_a_body_that_is_not_a_chat_request_is_a_400(tiny: LocalServer, body: bytes) -> None:
    status, _, answer = tiny.request("POST", "/v1/chat/completions", body)
    assert status == 400
    assert json.loads(answer)["error"]["type"] == "invalid_request_error"
    assert tiny.chat(MODEL, max_tokens=1)[0] == 200


@pytest.mark.parametrize(
    "text", ["", " ", "😀" * 20, "\u202e\u200d\ufeff", "\x01\x1b[31m", "<|im_end|>", "{{ 7*7 }}", "a\r\nb"]
)
def test_odd_text_is_answered(tiny: LocalServer, text: str) -> None:
    assert tiny.chat(MODEL, text, max_tokens=3)[0] == 200


def test_a_body_of_two_megabytes_is_a_413(tiny: LocalServer) -> None:
    status, _, body = tiny.chat(MODEL, "x" * 2_000_000)
    assert status == 413
    assert json.loads(body)["error"]["code"] == "request_too_large"


def test_a_chunked_body_over_the_limit_is_a_413_too(tiny: LocalServer) -> None:
    with socket.create_connection(("127.0.0.1", tiny.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(33):
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 413")


def test_a_body_that_announces_a_hundred_megabytes_is_refused_unread(tiny: LocalServer) -> None:
    with socket.create_connection(("127.0.0.1", tiny.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 413")


def test_a_client_that_leaves_before_its_body_is_complete_is_counted_as_cancelled(tiny: LocalServer) -> None:
    with socket.create_connection(("127.0.0.1", tiny.port), timeout=60) as connection:
        connection.sendall(b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"model"')
        tiny.wait_for_calls(in_flight=1)
    tiny.wait_for_calls(in_flight=0, cancelled=1)


def test_extreme_sampling_values_are_answered(tiny: LocalServer) -> None:
    for fields in ({"temperature": 1e-300}, {"temperature": 2, "top_p": 1e-300}, {"seed": -(2**63)}, {"seed": 2**63}):
        assert tiny.chat(MODEL, max_tokens=3, **fields)[0] == 200
