"""workshop-sim returns several choices, log probabilities and JSON if OpenAI's clients ask for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import LocalServer

ASK: list[Any] = [{"role": "user", "content": "hello"}]


def frames(body: bytes) -> list[Any]:
    lines = [line.removeprefix(b"data: ") for line in body.split(b"\n\n") if line]
    assert lines[-1] == b"[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_several_choices_differ_and_their_tokens_are_counted_together(sim: LocalServer) -> None:
    answer = json.loads(sim.chat("workshop-sim", n=3, max_tokens=4)[2])
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in answer["choices"]}) == 3
    assert answer["usage"] == {"prompt_tokens": 1, "completion_tokens": 12, "total_tokens": 13}


def test_several_choices_grow_side_by_side_in_a_stream(sim: LocalServer) -> None:
    _, _, body = sim.chat("workshop-sim", n=2, max_tokens=3, stream=True, stream_options={"include_usage": True})
    *chunks, last = frames(body)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert [c["index"] for c in choices if c["delta"].get("role")] == [0, 1]
    assert [c["index"] for c in choices if c["delta"].get("content")] == [0, 1, 0, 1, 0, 1]
    assert [(c["index"], c["finish_reason"]) for c in choices if c["finish_reason"]] == [(0, "length"), (1, "length")]
    assert last["usage"]["completion_tokens"] == 6


def test_each_choice_has_its_own_end(sim: LocalServer) -> None:
    whole = json.loads(sim.chat("workshop-sim", n=2)[2])
    mark = whole["choices"][1]["message"]["content"].split()[1]
    stopped = json.loads(sim.chat("workshop-sim", n=2, max_tokens=5, stop=mark)[2])
    assert [choice["finish_reason"] for choice in stopped["choices"]] == ["length", "stop"]
    assert stopped["choices"][1]["message"]["content"] == "SIMULATED "


def test_the_real_model_gives_one_choice(tiny: LocalServer) -> None:
    status, _, body = tiny.chat("workshop-tiny", n=2)
    assert (status, json.loads(body)["error"]["param"]) == (400, "n")


def test_each_token_has_a_log_probability_and_the_requested_alternatives(sim: LocalServer) -> None:
    answer = sim.client().chat.completions.create(
        model="workshop-sim", messages=ASK, max_tokens=5, logprobs=True, top_logprobs=2
    )
    choice = answer.choices[0]
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert "".join(token.token for token in choice.logprobs.content) == choice.message.content
    for token in choice.logprobs.content:
        assert token.logprob < 0
        assert bytes(token.bytes or []).decode() == token.token
        assert token.top_logprobs[0].token == token.token
        assert len(token.top_logprobs) == 2


def test_streamed_log_probabilities_are_those_of_the_text_beside_them(sim: LocalServer) -> None:
    choices = [chunk["choices"][0] for chunk in frames(sim.chat("workshop-sim", logprobs=True, stream=True)[2])]
    said = [choice for choice in choices if choice["delta"].get("content")]
    assert said
    for choice in said:
        assert "".join(token["token"] for token in choice["logprobs"]["content"]) == choice["delta"]["content"]


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_come_only_on_request(sim: LocalServer, stream: bool) -> None:
    body = sim.chat("workshop-sim", stream=stream)[2]
    chunks = frames(body) if stream else [json.loads(body)]
    assert all(choice["logprobs"] is None for chunk in chunks for choice in chunk["choices"])


def test_json_mode_answers_in_json_that_names_the_simulator(sim: LocalServer) -> None:
    answer = json.loads(sim.chat("workshop-sim", response_format={"type": "json_object"})[2])
    assert json.loads(answer["choices"][0]["message"]["content"])["answer"].startswith("SIMULATED")
    assert answer["choices"][0]["finish_reason"] == "stop"
