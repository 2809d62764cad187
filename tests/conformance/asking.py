"""The tests' questions, and helpers to read reports.

Every question is new, so that no cache can answer it.
"""

from __future__ import annotations

import json
import secrets
import zlib
from typing import Any

import httpx2

from tests.conformance.stacks import Stack

Body = dict[str, Any]

WEATHER: Body = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}
CLOCK: Body = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}


def question() -> str:
    return f"What is a time-out for? ({secrets.token_hex(6)})"


def ask(text: str | None = None, **fields: Any) -> Body:
    """The body of a chat request with one message."""
    return {"messages": [{"role": "user", "content": question() if text is None else text}], **fields}


def simulated(prompt: str) -> str:
    """The beginning of the simulator's answer to exactly these characters."""
    return f"SIMULATED {zlib.crc32(prompt.encode()):08x}"


def only_choice(report: Body) -> Body:
    [choice] = report["choices"]
    assert isinstance(choice, dict)
    return choice


def arguments(call: Body) -> Any:
    """A tool call's arguments, parsed by the client or still as JSON text."""
    given = call["arguments"]
    return json.loads(given) if isinstance(given, str) else given


def post(stack: Stack, body: Body) -> httpx2.Response:
    """Posts without a client, to see the bytes."""
    return httpx2.post(
        f"{stack.base_url}/chat/completions",
        json={"model": stack.model, **body},
        headers={"Authorization": f"Bearer {stack.key}"},
        timeout=100,
    )
