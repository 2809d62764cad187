"""Function calls, as each client sees them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.asking import CLOCK, WEATHER, arguments, ask, only_choice, question
from tests.conformance.clients import OPENAI, Client
from tests.conformance.stacks import SIMULATED, TOOLS, Stack

pytestmark = pytest.mark.needs(TOOLS)
WAYS = ("whole", "stream")
NAMED = {"type": "function", "function": {"name": "get_weather"}}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
def test_a_call_has_its_name_its_id_and_arguments_in_json(client: Client, stack: Stack, way: str, choice: Any) -> None:
    answered = only_choice(client(way, stack, ask(tools=[WEATHER], tool_choice=choice)))
    [call] = answered["tool_calls"]
    assert call["name"] == "get_weather"
    assert call["id"]
    assert set(arguments(call)) == {"city", "days"}
    assert answered["finish_reason"] in ("tool_calls", "stop")  # engines differ if the request names the function
    assert not answered["text"]


@pytest.mark.needs(SIMULATED)
@pytest.mark.parametrize("way", WAYS)
def test_several_calls_are_kept_apart(client: Client, stack: Stack, way: str) -> None:
    asked = ask(f"get_time and get_weather, please. {question()}", tools=[WEATHER, CLOCK])
    answered = only_choice(client(way, stack, asked))
    assert [(call["name"], arguments(call)) for call in answered["tool_calls"]] == [
        ("get_weather", {"city": "SIMULATED", "days": 1}),
        ("get_time", {}),
    ]
    assert len({call["id"] for call in answered["tool_calls"]}) == 2
    assert answered["finish_reason"] == "tool_calls"


@pytest.mark.clients(*OPENAI, "litellm")
def test_arguments_come_in_pieces(client: Client, stack: Stack) -> None:
    answered = only_choice(client("stream", stack, ask(tools=[WEATHER], tool_choice="required")))
    assert answered["tool_calls"][0]["pieces"] > 2


@pytest.mark.clients(*OPENAI)
def test_the_clients_own_events_give_the_call(client: Client, stack: Stack) -> None:
    report = client("events", stack, ask(tools=[WEATHER], tool_choice="required"))
    assert {"tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= set(report["events"])
    assert set(arguments(only_choice(report)["tool_calls"][0])) == {"city", "days"}


@pytest.mark.needs(SIMULATED)
@pytest.mark.parametrize("way", WAYS)
def test_a_conversation_continues_with_the_result_of_the_call(client: Client, stack: Stack, way: str) -> None:
    asked = ask(f"get_weather, please. {question()}", tools=[WEATHER])
    [call] = only_choice(client(way, stack, asked))["tool_calls"]
    said = {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": '{"city": "Lima"}'}}
    history = [
        *asked["messages"],
        {"role": "assistant", "content": None, "tool_calls": [said]},
        {"role": "tool", "tool_call_id": call["id"], "content": "18 degrees"},
    ]
    answered = only_choice(client(way, stack, {**asked, "messages": history}))
    assert answered["text"].startswith("SIMULATED")
    assert not answered["tool_calls"]
