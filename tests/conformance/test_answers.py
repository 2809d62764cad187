"""Whole answers, as each client sees them."""

from __future__ import annotations

import json

import pytest

from tests.conformance.asking import ask, only_choice, question, simulated
from tests.conformance.clients import OPENAI, Client
from tests.conformance.stacks import CHOICES, GATEWAYS, LOGPROBS, PLAIN, SIMULATED, TOOLS, Stack


def test_an_answer_has_every_field_that_a_client_reads(client: Client, stack: Stack) -> None:
    report = client("whole", stack, ask(max_tokens=8))
    choice = only_choice(report)
    assert choice["text"]
    assert choice["finish_reason"] in ("stop", "length")
    assert report["id"].startswith("chatcmpl-")
    tokens_in, tokens_out, total = report["usage"]
    assert 0 < tokens_out <= 8
    assert total == tokens_in + tokens_out


def test_the_model_that_answered_is_named(client: Client, stack: Stack) -> None:
    assert client("whole", stack, ask())["model"] == stack.model


@pytest.mark.clients(*OPENAI[:2])
@pytest.mark.needs(PLAIN)
def test_openais_types_know_every_field(client: Client, stack: Stack) -> None:
    assert client("whole", stack, ask())["untyped"] == []


@pytest.mark.clients(*OPENAI)
@pytest.mark.needs(GATEWAYS)
def test_the_client_gets_the_request_id(client: Client, stack: Stack) -> None:
    report = client("whole", stack, ask())
    assert report["request_id"]
    assert report["request_id"] == report["headers"]["x-request-id"]


@pytest.mark.needs(GATEWAYS)
def test_the_limits_can_be_read_from_the_headers(client: Client, stack: Stack) -> None:
    headers = client("whole", stack, ask())["headers"]
    for kind in ("requests", "tokens"):
        assert int(headers[f"x-ratelimit-limit-{kind}"]) > int(headers[f"x-ratelimit-remaining-{kind}"]) > 0
        assert headers[f"x-ratelimit-reset-{kind}"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_an_answer_ends_at_its_token_limit(client: Client, stack: Stack, name: str) -> None:
    report = client("whole", stack, {**ask(), name: 3})
    assert (only_choice(report)["finish_reason"], report["usage"][1]) == ("length", 3)


def test_an_answer_ends_before_a_stop_string(client: Client, stack: Stack) -> None:
    asked = ask(temperature=0, max_tokens=12)
    said = only_choice(client("whole", stack, asked))["text"]
    stop = said.split()[-1]
    choice = only_choice(client("whole", stack, {**asked, "stop": [stop]}))
    assert choice["text"] == said[: said.index(stop)]
    assert choice["finish_reason"] == "stop"


def test_the_same_seed_gives_the_same_answer(client: Client, stack: Stack) -> None:
    asked = ask(seed=7, temperature=1, max_tokens=12)
    first, second = (only_choice(client("whole", stack, asked))["text"] for _ in range(2))
    assert first == second


@pytest.mark.needs(CHOICES)
def test_several_choices_come_in_one_answer(client: Client, stack: Stack) -> None:
    report = client("whole", stack, ask(n=2, max_tokens=8, temperature=1))
    assert [bool(choice["text"]) for choice in report["choices"]] == [True, True]
    assert report["usage"][1] <= 2 * 8


@pytest.mark.needs(LOGPROBS)
def test_log_probabilities_belong_to_the_tokens_of_the_answer(client: Client, stack: Stack) -> None:
    choice = only_choice(client("whole", stack, ask(logprobs=True, top_logprobs=2, max_tokens=5)))
    assert "".join(choice["logprobs"]) == choice["text"]


@pytest.mark.needs(SIMULATED)
def test_json_mode_gives_json(client: Client, stack: Stack) -> None:
    asked = ask("Answer in JSON.", response_format={"type": "json_object"})
    assert isinstance(json.loads(only_choice(client("whole", stack, asked))["text"]), dict)


@pytest.mark.clients("openai", "openai-async", "langchain")
@pytest.mark.needs(SIMULATED)
def test_a_client_parses_an_answer_into_a_type_of_the_callers(client: Client, stack: Stack) -> None:
    report = client("parsed", stack, ask())
    assert report == {"parsed": {"city": "SIMULATED", "people": 1, "capital": True}}


@pytest.mark.needs(SIMULATED)
@pytest.mark.parametrize(
    "text", ["¿Qué es un límite? 日本語 🙂‍↔️ \u2028 é\u0301", 'tab\tand\nline \\ "quotes" </script>']
)
def test_every_character_arrives_unchanged(client: Client, stack: Stack, text: str) -> None:
    prompt = f"{text} {question()}"
    assert only_choice(client("whole", stack, ask(prompt)))["text"].startswith(simulated(prompt))


@pytest.mark.needs(SIMULATED)
def test_a_very_long_prompt_arrives_whole(client: Client, stack: Stack) -> None:
    prompt = f"{'supercalifragilistic' * 7400} {question()}"
    assert 148_000 < len(prompt) < 150_000
    assert only_choice(client("whole", stack, ask(prompt)))["text"].startswith(simulated(prompt))


def test_developer_messages_are_accepted(client: Client, stack: Stack) -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": question()}]
    assert only_choice(client("whole", stack, {"messages": messages}))["text"]


@pytest.mark.needs(TOOLS)
@pytest.mark.parametrize("content", [{"content": None}, {}], ids=["null", "omitted"])
def test_a_history_with_a_tool_call_needs_no_content(client: Client, stack: Stack, content: dict[str, None]) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": question()},
        {"role": "assistant", **content, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ]
    assert only_choice(client("whole", stack, {"messages": messages}))["text"]
