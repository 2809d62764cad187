"""The models behind the API, as OpenAI's clients see them."""

from __future__ import annotations

import pytest

from tests.conformance.asking import ask, only_choice
from tests.conformance.clients import OPENAI, Client
from tests.conformance.stacks import SIMULATED, WITH_A_SLASH, Stack


@pytest.mark.clients(*OPENAI)
def test_models_are_listed(client: Client, stack: Stack) -> None:
    assert stack.model in client("models", stack)["models"]


@pytest.mark.clients(*OPENAI)
def test_one_model_is_shown(client: Client, stack: Stack) -> None:
    report = client("model", stack, name=stack.model)
    assert (report["id"], report["object"]) == (stack.model, "model")
    assert report["created"] > 0
    assert report["owned_by"]


@pytest.mark.clients(*OPENAI)
@pytest.mark.needs(SIMULATED)
def test_a_model_may_have_a_slash_in_its_name(client: Client, stack: Stack) -> None:
    assert client("model", stack, name=WITH_A_SLASH)["id"] == WITH_A_SLASH


@pytest.mark.needs(SIMULATED)
def test_a_model_with_a_slash_in_its_name_answers(client: Client, stack: Stack) -> None:
    report = client("whole", stack.of(WITH_A_SLASH), ask())
    assert only_choice(report)["text"]
    assert report["model"] == WITH_A_SLASH


@pytest.mark.clients(*OPENAI)
def test_an_unknown_model_is_a_not_found_error(client: Client, stack: Stack) -> None:
    error = client.fails("model", stack, name="gpt-9-turbo")
    assert "NotFoundError" in error["classes"]
    assert error["code"] == "model_not_found"


@pytest.mark.clients(*OPENAI)
@pytest.mark.parametrize("order", ["models", "model"])
def test_a_wrong_key_cannot_list_models(client: Client, stack: Stack, order: str) -> None:
    assert "AuthenticationError" in client.fails(order, stack.with_key("sk-wrong"), name=stack.model)["classes"]
