"""The longest input that a caller may send, on our own routes and on OpenAI's."""

import asyncio

import pytest

from shared.layers.input_guard import InputGuard
from shared.pipeline.errors import InvalidRequest
from tests.shared.conftest import answering, completion, make_call

GUARD = InputGuard(10, {"/v1/chat/completions": 20})


def refused(length: int, endpoint: str) -> InvalidRequest:
    call = make_call("x" * length)
    call.endpoint = endpoint
    with pytest.raises(InvalidRequest) as refusal:
        asyncio.run(GUARD(call, answering(completion())))
    return refusal.value


def test_a_prompt_over_its_limit_is_refused() -> None:
    refusal = refused(11, "/generate")
    assert (refusal.param, refusal.error_code) == ("prompt", "prompt_too_long")


def test_a_conversation_may_be_longer_and_is_refused_in_openais_words() -> None:
    refusal = refused(21, "/v1/chat/completions")
    assert (refusal.param, refusal.error_code) == ("messages", "context_length_exceeded")


@pytest.mark.parametrize(("length", "endpoint"), [(10, "/generate"), (20, "/v1/chat/completions")])
def test_input_of_exactly_the_limit_passes(length: int, endpoint: str) -> None:
    call = make_call("x" * length)
    call.endpoint = endpoint
    assert asyncio.run(GUARD(call, answering(completion())))
