"""OpenAI's chat API on the wire: the answer, as one completion or in chunks. Its counterpart is chat_request.py.

In: deltas. Out: bytes. Knows nothing of models, sockets or faults. Source: the OpenAI API reference, "Chat
completions".
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from serving.local.chat_request import FinishReason
from serving.local.completion import Delta, ToolPiece

DONE = b"data: [DONE]\n\n"


@dataclass(slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def document(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


@dataclass(slots=True)
class Choice:
    """One choice of a complete answer, built from its deltas."""

    index: int
    text: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    logprobs: list[dict[str, Any]] | None = None
    finish_reason: FinishReason = "stop"

    def add(self, delta: Delta) -> None:
        self.text += delta.text
        self.finish_reason = delta.finish_reason or self.finish_reason
        if delta.logprobs is not None:
            self.logprobs = [*(self.logprobs or []), *delta.logprobs]
        for piece in delta.tools:
            if piece.id is not None:
                self.calls.append(_call(piece))
            else:
                self.calls[-1]["function"]["arguments"] += piece.arguments

    def document(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text, "refusal": None}
        if self.calls:
            message |= {"content": None, "tool_calls": self.calls}
        return {
            "index": self.index,
            "message": message,
            "logprobs": _logprobs(self.logprobs),
            "finish_reason": self.finish_reason,
        }


@dataclass(slots=True)
class Answer:
    """Writes one answer, complete or in chunks, under one id."""

    model: str
    with_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, choices: Sequence[Choice], usage: Usage) -> bytes:
        frame = self._frame("chat.completion")
        return orjson.dumps(frame | {"choices": [choice.document() for choice in choices], "usage": usage.document()})

    def role(self, choice: int, calls_tools: bool) -> bytes:
        return self._chunk(choice, {"role": "assistant", "content": None if calls_tools else ""})

    def delta(self, delta: Delta) -> bytes:
        said: dict[str, Any] = {"content": delta.text} if delta.text else {}
        if delta.tools:
            said["tool_calls"] = [{"index": piece.place} | _call(piece) for piece in delta.tools]
        return self._chunk(delta.choice, said, logprobs=_logprobs(delta.logprobs))

    def last(self, choice: int, finish_reason: FinishReason) -> bytes:
        return self._chunk(choice, {}, finish_reason)

    def usage(self, usage: Usage) -> bytes:
        frame = self._frame("chat.completion.chunk") | {"choices": [], "usage": usage.document()}
        return b"data: " + orjson.dumps(frame) + b"\n\n"

    def _chunk(
        self,
        choice: int,
        delta: dict[str, Any],
        finish_reason: FinishReason | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> bytes:
        frame = self._frame("chat.completion.chunk")
        frame["choices"] = [{"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}]
        if self.with_usage:
            frame["usage"] = None
        return b"data: " + orjson.dumps(frame) + b"\n\n"

    def _frame(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _call(piece: ToolPiece) -> dict[str, Any]:
    """A tool call begins with its id and name; later pieces bring only arguments."""
    if piece.id is None:
        return {"function": {"arguments": piece.arguments}}
    return {"id": piece.id, "type": "function", "function": {"name": piece.name, "arguments": piece.arguments}}


def _logprobs(tokens: Sequence[dict[str, Any]] | None) -> dict[str, Any] | None:
    return None if tokens is None else {"content": list(tokens), "refusal": None}
