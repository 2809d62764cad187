"""The wire formats of engines that fail in the middle of an answer: none of them may pass for a complete answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.pipeline.errors import UpstreamBadReply, UpstreamError, UpstreamFault, UpstreamRejected
from shared.pipeline.reply import Chunk
from shared.upstream.openai_errors import refused
from shared.upstream.openai_wire import Frames, completion
from tests.shared.conftest import make_call

REQUEST = make_call(stream=True).request
DONE = b"[DONE]"


def chunk(text: str, finish_reason: str | None = None) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]}).encode()


def error(**fields: Any) -> bytes:
    return json.dumps({"error": {"message": "EngineCore died", **fields}}).encode()


def read(*payloads: bytes) -> tuple[Frames, Chunk | None, UpstreamError | None]:
    """Reads all payloads in one block, as they arrive when an engine dies."""
    frames = Frames(REQUEST)
    return frames, *frames.read(payloads)


@pytest.mark.parametrize("told", [error(type="InternalServerError", code=500), error(code=None), b'{"error": "dead"}'])
def test_an_error_before_done_is_not_the_end_of_an_answer(told: bytes) -> None:
    """vLLM ends a stream that failed with its error and then with [DONE]."""
    frames, came, broken = read(chunk("Time"), told, DONE)
    assert isinstance(broken, UpstreamFault)
    assert not frames.finished
    assert came is not None
    assert came.text == "Time"
    assert b"error" not in came.wire
    assert b"DONE" not in came.wire


def test_an_error_of_the_request_is_a_rejection() -> None:
    _, _, broken = read(error(code=400), DONE)
    assert isinstance(broken, UpstreamRejected)


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_aborted_answer_is_not_complete(reason: str) -> None:
    """An engine that is told to stop ends its unfinished answers like this, with status 200."""
    frames, came, broken = read(chunk("Time"), chunk("", reason), DONE)
    assert isinstance(broken, UpstreamFault)
    assert not frames.finished
    assert came is not None
    assert came.finish_reason is None
    raw = json.dumps({"choices": [{"message": {"content": "Time"}, "finish_reason": reason}]}).encode()
    with pytest.raises(UpstreamFault, match="before its end"):
        completion(raw, REQUEST)


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls"])
def test_an_answer_with_a_finish_reason_is_complete(reason: str) -> None:
    frames, came, broken = read(chunk("Time"), chunk("", reason), DONE)
    assert (frames.finished, frames.done, broken) == (True, True, None)
    assert came is not None
    assert came.finish_reason == reason


def test_a_404_of_a_proxy_without_servers_is_not_a_missing_model() -> None:
    """Serve's HAProxy answers like this until it has heard of its replicas."""
    error = refused(404, {}, b"Path '/v1/chat/completions' not found. Ping http://.../-/routes for available routes.")
    assert isinstance(error, UpstreamBadReply)
    assert error.retryable
    assert error.status == 502


@pytest.mark.parametrize("body", [{"error": {"message": "no such model"}}, {"detail": "Not Found"}, {"error": "none"}])
def test_a_404_of_an_api_is_a_missing_model(body: object) -> None:
    error = refused(404, {}, json.dumps(body).encode())
    assert isinstance(error, UpstreamRejected)
    assert (error.http_status, error.error_code) == (404, "model_not_found")
