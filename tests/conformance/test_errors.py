"""The errors that each client raises."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.asking import ask, question
from tests.conformance.clients import OPENAI, Client, Report
from tests.conformance.stacks import CONFIGURED, FAULTS, GATEWAYS, SIMULATED, Stack

WAYS = ("whole", "stream")
TIMEOUTS = {"APITimeoutError", "APIConnectionTimeoutError"}  # the second is Node's name


def is_a(error: Report, *names: str) -> None:
    assert set(names) & set(error["classes"]), error


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("field", "value"), [("max_tokens", -1), ("temperature", 9)], ids=["the gateway's", "the upstream's"]
)
def test_a_field_out_of_range_is_a_bad_request(
    client: Client, stack: Stack, way: str, field: str, value: object
) -> None:
    error = client.fails(way, stack, {**ask(), field: value})
    is_a(error, "BadRequestError")
    assert error["status"] == 400
    assert field in error["message"] or "max_completion_tokens" in error["message"]  # LangChain's word for max_tokens
    if client.name in OPENAI:
        assert (error["type"], error["param"]) == ("invalid_request_error", field)


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_key_is_an_authentication_error(client: Client, stack: Stack, way: str) -> None:
    error = client.fails(way, stack.with_key("sk-wrong"), ask())
    is_a(error, "AuthenticationError")
    assert error["status"] == 401
    if client.name in OPENAI:
        assert error["code"] == "invalid_api_key"


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_model_is_not_found(client: Client, stack: Stack, way: str) -> None:
    error = client.fails(way, stack.of("gpt-9-turbo"), ask())
    is_a(error, "NotFoundError")
    assert error["status"] == 404
    if client.name in OPENAI:
        assert error["code"] == "model_not_found"


@pytest.mark.needs(GATEWAYS)
def test_a_body_that_is_too_large_says_so(client: Client, stack: Stack) -> None:
    error = client.fails("whole", stack, ask("word " * 250_000))
    is_a(error, "APIStatusError", "APIError")
    assert error["status"] == 413
    if client.name in OPENAI:
        assert error["code"] == "payload_too_large"


@pytest.mark.needs(GATEWAYS)
def test_a_conversation_that_is_too_long_is_a_bad_request(client: Client, stack: Stack) -> None:
    error = client.fails("whole", stack, ask("word " * 50_000))
    is_a(error, "BadRequestError")
    assert "200000" in error["message"]


@pytest.mark.needs(SIMULATED)
def test_a_conversation_over_the_models_context_is_a_context_error(client: Client, stack: Stack) -> None:
    error = client.fails("whole", stack, ask("word " * 9_000))
    is_a(error, "BadRequestError")
    assert error["status"] == 400
    match client.name:
        case "langchain":
            is_a(error, "ContextOverflowError")
        case "litellm":
            is_a(error, "ContextWindowExceededError")
        case _:
            assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")


@pytest.mark.clients(*OPENAI)
@pytest.mark.needs(GATEWAYS)
def test_an_error_names_the_request_by_its_id(client: Client, stack: Stack) -> None:
    error = client.fails("whole", stack, ask(max_tokens=-1))
    assert error["request_id"]
    assert error["request_id"] == error["headers"]["x-request-id"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.needs(CONFIGURED)
def test_a_caller_that_asks_too_often_gets_a_rate_limit_error(client: Client, stack: Stack, way: str) -> None:
    stranger = stack.with_key("anonymous")
    reports = [client.ordered(way, stranger, ask(max_tokens=1)) for _ in range(3)]
    error = next(report["error"] for report in reports if report.get("error"))
    is_a(error, "RateLimitError")
    assert error["status"] == 429
    if client.name in OPENAI:
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert int(error["headers"]["retry-after"]) > 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("fault", "name", "statuses"),
    [
        ({"status": 429, "retry_after": 1}, "RateLimitError", {429}),
        ({"status": 500}, "InternalServerError", {500, 502}),
        ({"status": 503, "retry_after": 1}, "InternalServerError", {503}),
        ({"reset": True}, "InternalServerError", {503}),
        ({"garbage": "text"}, "InternalServerError", {502}),
        ({"cut_after_tokens": 0}, "InternalServerError", {502, 503}),
    ],
    ids=["429", "500", "503", "reset", "garbage", "cut"],
)
@pytest.mark.needs(FAULTS, CONFIGURED)
def test_a_fault_of_the_upstream_is_an_error_with_a_status(
    client: Client, stack: Stack, way: str, fault: dict[str, Any], name: str, statuses: set[int]
) -> None:
    assert stack.upstream is not None
    with stack.upstream.fault(fault):
        error = client.fails(way, stack, ask())
    is_a(error, name, "ServiceUnavailableError", "BadGatewayError")  # the last two are LiteLLM's
    assert error["status"] in statuses
    assert error["pieces"] == []


@pytest.mark.needs(FAULTS, CONFIGURED)
def test_a_stream_that_breaks_is_an_error_after_the_pieces_so_far(client: Client, stack: Stack) -> None:
    assert stack.upstream is not None
    with stack.upstream.fault({"cut_after_tokens": 5}):
        error = client.fails("stream", stack, ask())
    is_a(error, "APIError")
    assert error["pieces"]
    assert "SIMULATED" in error["pieces"][0]
    if client.name in OPENAI:
        assert error["code"] == "upstream_unavailable"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.needs(FAULTS)
def test_a_missing_answer_is_a_timeout_and_frees_the_upstream(client: Client, stack: Stack, way: str) -> None:
    assert stack.upstream is not None
    with stack.upstream.fault({"hang": True}):
        is_a(client.fails(way, stack, ask(question()), timeout=1), *TIMEOUTS)
        assert stack.upstream.received() == 1
    assert stack.upstream.register()["last"][-1]["outcome"] == "cancelled"
