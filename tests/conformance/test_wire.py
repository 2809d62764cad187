"""Requests of clients reach the upstream unchanged, and its answers reach the clients unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.conformance import capture, stacks
from tests.conformance.asking import WEATHER, Body, ask, post
from tests.conformance.capture import Capture
from tests.conformance.clients import OPENAI, Client
from tests.conformance.stacks import Stack
from workshop.grader.launch import ModelServer, started

WAYS = ("whole", "stream")
UPSTREAMS_KEY = "sk-the-upstreams"

CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Cádiz"}'}}
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}

BODIES: dict[str, Body] = {
    "plain": ask("hello"),
    "vendor's own fields": ask(
        "hello",
        extra_body={"top_k": 5, "min_p": 0.05, "chat_template_kwargs": {"enable_thinking": False}, "odd": [None, "ñ"]},
    ),
    "an image": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}},
                ],
            }
        ]
    },
    "a history": {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "¿Qué tiempo hace? 🙂", "name": "ana"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "18 °C"},
        ],
        "tools": [WEATHER],
    },
    "numbers": ask(
        "hello",
        temperature=0.30000000000000004,
        top_p=0.1,
        seed=9007199254740991,
        presence_penalty=-2,
        frequency_penalty=0.0,
        logit_bias={"50256": -100},
        max_tokens=1,
    ),
    "words": ask("hello", stop=["a", "\n"], user="u-1", n=2, logprobs=True, top_logprobs=3),
    "the newer limit": ask("hello", max_completion_tokens=5),
    "tools": ask("hello", tools=[WEATHER], tool_choice="auto", parallel_tool_calls=False),
    "a schema": ask(
        "hello",
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA, "strict": True}},
    ),
}


@dataclass(slots=True, frozen=True)
class Wires:
    """The same upstream twice: alone, and behind the gateway."""

    upstream: Capture
    direct: Stack
    through: Stack


@pytest.fixture(scope="package")
def wires() -> Iterator[Wires]:
    with (
        capture.capturing() as upstream,
        started(stacks.GATEWAY, ModelServer(upstream.url, UPSTREAMS_KEY), stacks.SETTINGS) as subject,
    ):
        key = subject.desk.create("ana").token
        direct = Stack(f"{upstream.url}/v1", UPSTREAMS_KEY, "captured-1")
        yield Wires(upstream, direct, Stack(f"{subject.service.url}/v1", key, "captured-1"))


@pytest.fixture(autouse=True)
def nothing_captured(wires: Wires) -> None:
    wires.upstream.calls.clear()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_the_upstream_gets_the_clients_request_unchanged(client: Client, wires: Wires, way: str, body: Body) -> None:
    client(way, wires.direct, body)
    expected = wires.upstream.only().body
    client(way, wires.through, body)
    sent = wires.upstream.only().body
    if way == "stream":  # the gateway always asks for usage, to count what it relays
        expected["stream_options"] = {**(expected.get("stream_options") or {}), "include_usage": True}
    elif "stream" in expected:  # LangChain sends the default, which the gateway leaves out
        assert expected.pop("stream") is False
    assert sent == expected


@pytest.mark.clients(*OPENAI, "litellm")
def test_the_upstream_never_sees_the_callers_key(client: Client, wires: Wires) -> None:
    client("whole", wires.through, ask(extra_headers={"X-Api-Key": wires.through.key}))
    headers = wires.upstream.only().headers
    assert headers["authorization"] == f"Bearer {UPSTREAMS_KEY}"
    assert wires.through.key not in str(headers)


@pytest.mark.clients(*OPENAI, "litellm")
def test_a_client_chooses_the_id_of_its_request(client: Client, wires: Wires) -> None:
    report = client("whole", wires.through, ask(extra_headers={"X-Request-ID": "mine-1"}))
    assert wires.upstream.only().headers["x-request-id"] == report["headers"]["x-request-id"] == "mine-1"


def test_an_answer_is_relayed_byte_for_byte(wires: Wires) -> None:
    answer = post(wires.through, ask())
    assert answer.content == capture.COMPLETION
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("asks_for_usage", [True, False])
def test_a_streams_events_are_relayed_byte_for_byte(wires: Wires, asks_for_usage: bool) -> None:
    answer = post(wires.through, ask(stream=True, stream_options={"include_usage": asks_for_usage}))
    events = b"".join(line for line in answer.content.splitlines(keepends=True) if not line.startswith(b":"))
    usage = capture.USAGE_CHUNK if asks_for_usage else b""
    assert events == b"".join(capture.CHUNKS) + usage + capture.DONE
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("way", WAYS)
def test_a_client_reads_the_upstreams_answer(client: Client, wires: Wires, way: str) -> None:
    report = client(way, wires.through, ask())
    assert [choice["text"] for choice in report["choices"]] == ["Hola 🙂"]
