"""What the tests ask, and what they look for in reports.

Every question is new, so that no cache answers for the server.
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
    """How the simulator's answer to these very characters begins."""
    return f"SIMULATED {zlib.crc32(prompt.encode()):08x}"


def only_choice(report: Body) -> Body:
    [choice] = report["choices"]
    assert isinstance(choice, dict)
    return choice


def arguments(call: Body) -> Any:
    """As the client reads them, or as they came: both must be JSON."""
    given = call["arguments"]
    return json.loads(given) if isinstance(given, str) else given


def post(stack: Stack, body: Body) -> httpx2.Response:
    """Without a client between us and the bytes."""
    return httpx2.post(
        f"{stack.base_url}/chat/completions",
        json={"model": stack.model, **body},
        headers={"Authorization": f"Bearer {stack.key}"},
        timeout=100,
    )
