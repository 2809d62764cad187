"""What a model refuses of our own fields is left out or renamed, once and for all; what the caller chose is not."""

from __future__ import annotations

from typing import Any

import pytest

from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.errors import UpstreamRejected
from shared.upstream.dialect import MOST_MODELS, Dialect

ADDED = frozenset({"temperature", "max_tokens"})


def call(model: str = "m", *, stream: bool = False, added: frozenset[str] = ADDED, **extra: Any) -> Call:
    messages = ({"role": "user", "content": "Hola"},)
    request = ChatRequest(model, messages, temperature=0.7, max_tokens=20, stream=stream, added=added, extra=extra)
    return Call(request, endpoint="/generate", request_id="test")


def refusal(message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> UpstreamRejected:
    return UpstreamRejected(message, upstream_status=status, param=param, code=code)


MAX_TOKENS = refusal(
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    param="max_tokens",
    code="unsupported_parameter",
)
TEMPERATURE = refusal(
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
    param="temperature",
    code="unsupported_value",
)
STREAM_OPTIONS = refusal("body.stream_options: Extra inputs are not permitted", status=422)


def test_nothing_is_left_out_before_it_is_refused() -> None:
    body = Dialect().body(call(stream=True))
    assert (body["temperature"], body["max_tokens"]) == (0.7, 20)
    assert body["stream_options"] == {"include_usage": True}


def test_a_refused_longest_answer_is_sent_under_its_newer_name_from_then_on() -> None:
    dialect = Dialect()
    assert dialect.learn(call(), MAX_TOKENS)
    assert not dialect.learn(call(), MAX_TOKENS)  # nothing left to change: the caller gets the refusal
    body = dialect.body(call(added=frozenset()))
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 20
    assert "max_tokens" in dialect.body(call("another"))


def test_a_refused_temperature_is_left_out_unless_the_caller_chose_it() -> None:
    dialect = Dialect()
    assert not dialect.learn(call(added=frozenset()), TEMPERATURE)
    assert dialect.learn(call(), TEMPERATURE)
    assert "temperature" not in dialect.body(call())
    assert dialect.body(call(added=frozenset()))["temperature"] == 0.7


def test_refused_stream_options_are_left_out_unless_the_caller_sent_them() -> None:
    dialect = Dialect()
    theirs = call(stream=True, stream_options={"include_usage": True})
    assert not dialect.learn(theirs, STREAM_OPTIONS)
    assert dialect.learn(call(stream=True), STREAM_OPTIONS)
    assert "stream_options" not in dialect.body(call(stream=True))
    assert dialect.body(theirs)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "openai/gpt-5", "o1", "o3-mini", "openai/o4-mini"])
def test_newer_models_get_the_newer_name_at_once(model: str) -> None:
    body = Dialect().body(call(model))
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 20


@pytest.mark.parametrize("model", ["gpt-4o-mini", "olmo", "workshop-tiny", "mistral/o"])
def test_other_models_get_the_older_one(model: str) -> None:
    assert Dialect().body(call(model))["max_tokens"] == 20


@pytest.mark.parametrize(
    "other",
    [
        refusal("max_tokens is too large: 5000 > 4096", param="max_tokens"),
        refusal("'messages' has an unknown role"),
        refusal("Unsupported parameter: 'tools'", param="tools"),
        refusal("max_tokens: unknown", status=404),
    ],
)
def test_other_refusals_teach_nothing(other: UpstreamRejected) -> None:
    dialect = Dialect()
    assert not dialect.learn(call(stream=True), other)
    assert dialect.body(call())["max_tokens"] == 20


def test_names_of_models_from_callers_do_not_pile_up() -> None:
    dialect = Dialect()
    for number in range(MOST_MODELS + 50):
        dialect.learn(call(f"m{number}"), MAX_TOKENS)
    assert len(dialect._refused) == MOST_MODELS
