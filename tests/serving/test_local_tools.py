"""workshop-sim calls functions like a model, with arguments that fit their schemas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import LocalServer

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 3},
                "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
                "note": {"type": "string"},
            },
            "required": ["city", "days", "unit"],
        },
    },
}
CLOCK: Any = {"type": "function", "function": {"name": "get_time"}}
WEATHER_ARGUMENTS = {"city": "SIMULATED", "days": 3, "unit": "celsius"}


def choice(server: LocalServer, text: str = "hello", **fields: Any) -> Any:
    status, _, body = server.chat("workshop-sim", text, **fields)
    assert status == 200, body
    return json.loads(body)["choices"][0]


def names(answered: Any) -> list[str]:
    return [call["function"]["name"] for call in answered["message"].get("tool_calls", [])]


def test_a_required_function_is_called_with_arguments_that_fit_its_schema(sim: LocalServer) -> None:
    answered = choice(sim, tools=[WEATHER], tool_choice="required")
    assert answered["finish_reason"] == "tool_calls"
    assert answered["message"]["content"] is None
    [call] = answered["message"]["tool_calls"]
    assert (call["type"], call["function"]["name"]) == ("function", "get_weather")
    assert call["id"].startswith("call_")
    assert json.loads(call["function"]["arguments"]) == WEATHER_ARGUMENTS


def test_a_named_function_is_the_one_that_is_called(sim: LocalServer) -> None:
    named = {"type": "function", "function": {"name": "get_time"}}
    assert names(choice(sim, "get_weather", tools=[WEATHER, CLOCK], tool_choice=named)) == ["get_time"]


def test_by_default_it_calls_only_functions_that_the_user_names(sim: LocalServer) -> None:
    assert names(choice(sim, "please get_time", tools=[WEATHER, CLOCK])) == ["get_time"]
    assert names(choice(sim, "get_time and get_weather", tools=[WEATHER, CLOCK])) == ["get_weather", "get_time"]
    assert names(choice(sim, "get_time and get_weather", tools=[WEATHER, CLOCK], parallel_tool_calls=False)) == [
        "get_weather"
    ]
    for text, tool_choice in (("hello", "auto"), ("get_time", "none")):
        answered = choice(sim, text, tools=[WEATHER, CLOCK], tool_choice=tool_choice)
        assert (names(answered), answered["finish_reason"]) == ([], "stop")
        assert answered["message"]["content"].startswith("SIMULATED")


def test_the_answer_to_a_tools_result_is_text(sim: LocalServer) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "get_time"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "noon"},
    ]
    answered = choice(sim, messages=history, tools=[CLOCK])
    assert (names(answered), answered["finish_reason"]) == ([], "stop")
    assert answered["message"]["content"].startswith("SIMULATED")


def test_a_streamed_call_begins_with_its_name_and_brings_its_arguments_in_pieces(sim: LocalServer) -> None:
    chunks = list(
        sim.client().chat.completions.create(
            model="workshop-sim",
            messages=[{"role": "user", "content": "get_time, get_weather"}],
            tools=[WEATHER, CLOCK],
            stream=True,
        )
    )
    assert (chunks[0].choices[0].delta.role, chunks[0].choices[0].delta.content) == ("assistant", None)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["tool_calls"]
    pieces = [piece for chunk in chunks for piece in chunk.choices[0].delta.tool_calls or []]
    for index, name, arguments in ((0, "get_weather", WEATHER_ARGUMENTS), (1, "get_time", {})):
        first, *rest = [piece for piece in pieces if piece.index == index]
        assert first.id is not None
        assert first.function is not None
        assert (first.function.name, first.function.arguments) == (name, "")
        assert all(piece.id is None and piece.function and piece.function.name is None for piece in rest)
        assert json.loads("".join(piece.function.arguments or "" for piece in rest if piece.function)) == arguments


def test_the_tokens_of_a_call_are_counted_and_limited_as_those_of_text(sim: LocalServer) -> None:
    _, _, body = sim.chat("workshop-sim", tools=[WEATHER], tool_choice="required")
    whole = json.loads(body)["usage"]["completion_tokens"]
    assert whole > 10
    _, _, body = sim.chat("workshop-sim", tools=[WEATHER], tool_choice="required", max_tokens=whole - 1)
    cut = json.loads(body)
    assert cut["usage"]["completion_tokens"] == whole - 1
    assert cut["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "required"},
        {"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "get_rich"}}},
        {"tools": [CLOCK], "tool_choice": "perhaps"},
        {"tools": [{"type": "function", "function": {"name": "not a name"}}]},
    ],
)
def test_an_impossible_tool_choice_is_a_400(sim: LocalServer, fields: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        sim.client().chat.completions.create(
            model="workshop-sim", messages=[{"role": "user", "content": "x"}], **fields
        )
    assert str(caught.value.param).startswith("tool")


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "maxLength": 3}, "SIM"),
        ({"type": "string", "minLength": 12}, "SIMULATED..."),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": ["integer", "null"], "maximum": 0}, 0),
        ({"type": "number"}, 1.0),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"const": 7}, 7),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"$ref": "#/$defs/size", "$defs": {"size": {"enum": ["S", "M"]}}}, "S"),
        ({"properties": {"a": {"type": "object"}}, "required": ["a", "b"]}, {"a": {}, "b": "SIMULATED"}),
        ({"minimum": 1e300, "type": "integer"}, 1),
        ({"type": 5, "required": 3, "$ref": None}, "SIMULATED"),
    ],
)
def test_an_answer_follows_its_schema(sim: LocalServer, schema: dict[str, Any], value: Any) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "form", "schema": schema}}
    assert json.loads(choice(sim, response_format=form)["message"]["content"]) == value


def test_a_recursive_schema_ends(sim: LocalServer) -> None:
    node = {"properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]}
    tree = {"properties": {"leaves": {"type": "array", "items": {"$ref": "#"}}}, "required": ["leaves"]}
    for schema in (node, tree):
        form = {"type": "json_schema", "json_schema": {"name": "form", "schema": schema}}
        assert set(json.loads(choice(sim, response_format=form)["message"]["content"])) == set(schema["properties"])


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "#"}, {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
     {"type": "array", "minItems": 1_000_000_000}],
)  # fmt: skip
def test_a_schema_of_an_endless_value_is_a_400(sim: LocalServer, schema: dict[str, Any]) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "form", "schema": schema}}
    status, _, body = sim.chat("workshop-sim", response_format=form)
    assert (status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")
