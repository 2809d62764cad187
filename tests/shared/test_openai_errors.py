"""An upstream's word survives: its message and an honest status reach the caller, in whatever shape it said them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.pipeline.errors import UpstreamBadReply, UpstreamFault, UpstreamRateLimited, UpstreamRejected
from shared.upstream.openai_errors import error_in, refused

WORD = "the context is too long"

# The same error by OpenAI, vLLM, FastAPI, Mistral, Azure, Google, RFC 9457, AWS.
SHAPES: dict[str, Any] = {
    "OpenAI": {"error": {"message": WORD, "type": "invalid_request_error", "param": "messages", "code": "too_long"}},
    "a string": {"error": WORD},
    "vLLM": {"object": "error", "message": WORD, "type": "BadRequestError", "param": None, "code": 400},
    "FastAPI": {"detail": WORD},
    "pydantic": {"detail": [{"type": "x", "loc": ["body", "messages"], "msg": WORD}]},
    "Mistral": {
        "object": "error",
        "message": {"detail": [{"msg": WORD}]},
        "type": "invalid_request_error",
        "code": "3",
    },
    "Azure": {"statusCode": 400, "message": WORD},
    "Google": [{"error": {"code": 400, "message": WORD, "status": "INVALID_ARGUMENT"}}],
    "RFC 9457": {"type": "about:blank", "title": WORD, "status": 400},
    "AWS": {"Message": WORD},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_message_is_found_in_every_shape(shape: Any) -> None:
    error = refused(400, {}, json.dumps(shape).encode())
    assert isinstance(error, UpstreamRejected)
    assert error.http_status == 400
    assert WORD in error.message


def test_plain_words_are_a_message_and_a_page_is_not() -> None:
    assert refused(503, {}, b"no healthy upstream").message == "no healthy upstream"
    assert refused(503, {}, b"<html>503</html>").message == "the upstream is overloaded"
    assert refused(503, {}, b"\xff\x00").message == "the upstream is overloaded"


def test_pydantics_complaint_names_the_field() -> None:
    error = refused(422, {}, json.dumps(SHAPES["pydantic"]).encode())
    assert error.message == f"body.messages: {WORD}"


@pytest.mark.parametrize("name", ["OpenAI", "a string", "vLLM", "FastAPI", "pydantic", "Mistral", "Google"])
def test_an_error_with_status_200_or_in_a_frame_is_one(name: str) -> None:
    error = error_in(SHAPES[name])
    assert error is not None
    assert WORD in error.message
    if name in ("OpenAI", "vLLM", "Mistral", "Google"):
        assert error.http_status == 400


@pytest.mark.parametrize(
    "document", [{"choices": []}, {"choices": [], "error": None}, {"id": "c", "detail": "x"}, {"message": "x"}, 5, []]
)
def test_documents_without_an_error_have_none(document: Any) -> None:
    assert error_in(document) is None


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "x", "code": 429}, 429),
        ({"message": "x", "code": "429"}, 429),
        ({"message": "x", "code": "rate_limit_exceeded"}, 429),
        ({"message": "x", "type": "rate_limit_error"}, 429),
        ({"message": "x", "status": "RESOURCE_EXHAUSTED"}, 429),
        ({"message": "x", "type": "overloaded_error"}, 503),
        ({"message": "x", "code": "context_length_exceeded"}, 400),
        ({"message": "x", "code": "content_filter"}, 400),
        ({"message": "x", "code": "model_not_found"}, 404),
        ({"message": "x", "type": "timeout"}, 504),
        ({"message": "x", "type": "server_error"}, 502),
        ({"message": "x"}, 502),
    ],
)
def test_the_words_of_an_error_give_its_status(error: Any, status: int) -> None:
    read = error_in({"error": error})
    assert read is not None
    assert read.http_status == status


KEY = "Incorrect API key provided: sk-abc***xyz"


@pytest.mark.parametrize(
    "error",
    [
        refused(401, {}, json.dumps({"error": {"message": KEY}}).encode()),
        refused(401, {}, json.dumps({"detail": KEY}).encode()),
        refused(401, {}, KEY.encode()),
        refused(403, {}, json.dumps({"error": {"message": KEY}}).encode()),
        refused(403, {}, b""),
        refused(400, {}, json.dumps([{"error": {"code": 400, "message": "API key not valid. sk-abc***xyz"}}]).encode()),
        error_in({"error": {"message": KEY, "code": 401}}),
        error_in({"error": {"message": KEY, "code": "invalid_api_key"}}),
        error_in({"error": {"message": KEY, "type": "authentication_error"}}),
        error_in({"object": "error", "message": KEY, "code": 401}),
    ],
)
def test_our_own_key_is_shown_to_nobody(error: Any) -> None:
    assert isinstance(error, UpstreamFault)
    assert error.http_status == 502
    assert not error.retryable
    assert "sk-abc" not in error.message
    assert error.headers()["x-should-retry"] == "false"


def test_a_403_with_another_reason_keeps_it() -> None:
    error = refused(403, {}, b'{"error":{"message":"Your input was flagged by moderation","code":403}}')
    assert isinstance(error, UpstreamRejected)
    assert (error.http_status, error.message) == (403, "Your input was flagged by moderation")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"error": {"message": "quota", "type": "insufficient_quota", "code": "insufficient_quota"}}),
        (402, {"error": {"message": "Insufficient Balance", "code": "invalid_request_error"}}),
    ],
)
def test_a_quota_that_is_used_up_is_not_asked_again(status: int, body: Any) -> None:
    error = refused(status, {"Retry-After": "5"}, json.dumps(body).encode())
    assert isinstance(error, UpstreamRateLimited)
    assert (error.http_status, error.retryable) == (status, False)
    assert status == 402 or error.headers()["x-should-retry"] == "false"


def test_x_should_retry_is_obeyed() -> None:
    error = refused(500, {"x-should-retry": "false"}, b"")
    assert not error.retryable
    assert error.headers()["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("status", "ours", "retryable"),
    [(409, 409, True), (424, 502, True), (498, 503, True), (529, 503, True), (451, 451, False), (418, 502, False)],
)
def test_less_usual_statuses(status: int, ours: int, retryable: bool) -> None:
    error = refused(status, {}, b'{"error":{"message":"its reason"}}')
    assert (error.http_status, error.retryable) == (ours, retryable)
    assert "its reason" in error.message


def test_a_redirect_says_what_to_set() -> None:
    error = refused(308, {"Location": "http://10.0.0.1/v2"}, b"")
    assert isinstance(error, UpstreamBadReply)
    assert "OPENAI_BASE_URL" in error.message
    assert "10.0.0.1" not in error.message  # for the operator's log
