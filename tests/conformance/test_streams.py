"""Streams, as each client sees them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.conformance.asking import ask, only_choice, post, question, simulated
from tests.conformance.clients import OPENAI, Client
from tests.conformance.stacks import CHOICES, CONFIGURED, LOGPROBS, SIMULATED, Stack

WITH_USAGE = {"include_usage": True}
CROWD = 40


def test_a_stream_comes_in_pieces_and_ends_with_its_reason(client: Client, stack: Stack) -> None:
    report = client("stream", stack, ask(max_tokens=8))
    choice = only_choice(report)
    assert len(report["pieces"]) > 3
    assert "".join(report["pieces"]) == choice["text"]
    assert choice["finish_reason"] in ("stop", "length")
    assert len(report.get("ids", ["one"])) == 1


def test_a_stream_has_the_text_of_the_whole_answer(client: Client, stack: Stack) -> None:
    asked = ask(temperature=0, max_tokens=20)
    streamed, whole = (only_choice(client(do, stack, asked))["text"] for do in ("stream", "whole"))
    assert streamed == whole


def test_requested_usage_comes_once_with_the_numbers_of_the_whole_answer(client: Client, stack: Stack) -> None:
    asked = ask(temperature=0, max_tokens=8)
    report = client("stream", stack, {**asked, "stream_options": WITH_USAGE})
    assert report["usages"] == 1
    assert report["usage"] == client("whole", stack, asked)["usage"]


@pytest.mark.clients(*OPENAI, "langchain")
def test_usage_comes_only_on_request(client: Client, stack: Stack) -> None:
    report = client("stream", stack, ask(max_tokens=8))
    assert (only_choice(report)["finish_reason"] is not None, report["usages"]) == (True, 0)


@pytest.mark.clients(*OPENAI)  # LiteLLM's streams keep the finish reason of only one choice
@pytest.mark.needs(CHOICES)
def test_several_choices_grow_side_by_side(client: Client, stack: Stack) -> None:
    report = client("stream", stack, ask(n=2, max_tokens=8, temperature=1))
    assert [(bool(choice["text"]), bool(choice["finish_reason"])) for choice in report["choices"]] == [(True, True)] * 2


@pytest.mark.clients(*OPENAI)
@pytest.mark.needs(LOGPROBS)
def test_log_probabilities_come_with_the_pieces(client: Client, stack: Stack) -> None:
    choice = only_choice(client("stream", stack, ask(logprobs=True, max_tokens=5)))
    assert "".join(choice["logprobs"]) == choice["text"]


@pytest.mark.clients(*OPENAI)
def test_the_clients_own_events_give_the_whole_answer(client: Client, stack: Stack) -> None:
    report = client("events", stack, ask(stream_options=WITH_USAGE))
    assert {"chunk", "content.delta", "content.done"} <= set(report["events"])
    assert only_choice(report)["text"]
    assert report["usage"][1] > 0


@pytest.mark.needs(SIMULATED)
def test_many_streams_at_once_each_get_their_own_answer(client: Client, stack: Stack) -> None:
    prompts = [question() for _ in range(CROWD)]
    bodies = [{"model": stack.model, **ask(prompt)} for prompt in prompts]
    reports = client("crowd", stack, bodies=bodies)["reports"]
    for prompt, report in zip(prompts, reports, strict=True):
        assert report["error"] is None
        assert only_choice(report)["text"].startswith(simulated(prompt))


@pytest.mark.needs(CONFIGURED)
def test_the_streams_have_comments_which_all_clients_ignored(stack: Stack) -> None:
    said = post(stack, ask(stream=True)).text.split("\n")
    assert said.count(": keep-alive") > 3
    assert any(line.startswith(': {"metadata"') for line in said)
    # A comment with a blank line after it is an empty event to some clients.
    assert not [line for line, after in pairwise(said) if line.startswith(":") and not after]
