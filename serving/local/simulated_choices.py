"""The simulator's answers: each choice, token by token.

In: a chat request, and how long an answer may be. Out: Scripts, always the same ones for the same request, except for
the ids of tool calls. Knows nothing of queues or of time.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from serving.local import logprobs, tokens, tools
from serving.local.chat_request import ChatRequest, FinishReason
from serving.local.completion import Delta, ToolPiece
from serving.local.schema_example import WORD, specimen
from serving.local.stops import StopScanner

WORDS = tokens.TOKEN.findall("this answer was computed by no model but queued and timed as one would be so count it")


@dataclass(slots=True, frozen=True)
class Script:
    """One choice, one token per piece. `top_logprobs`: None if the request does not ask for logprobs."""

    choice: int
    pieces: Sequence[str | ToolPiece]
    reason: FinishReason
    top_logprobs: int | None = None

    @property
    def calls_tools(self) -> bool:
        return isinstance(self.pieces[0], ToolPiece)

    def delta(self, start: int, end: int) -> Delta:
        """The tokens from `start` to `end`."""
        part = self.pieces[start:end]
        text = "".join(piece for piece in part if isinstance(piece, str))
        return Delta(
            text,
            len(part),
            self.reason if end == len(self.pieces) else None,
            self.choice,
            tuple(piece for piece in part if isinstance(piece, ToolPiece)),
            None if self.top_logprobs is None else logprobs.made_up(text, self.top_logprobs),
        )


def scripts(request: ChatRequest, prompt: str, full: int, room: int) -> list[Script]:
    """One script for each of the `n` choices. A text answer has `full` tokens; no answer has more than `room`."""
    limit = min(request.token_limit or room, room)
    choices = range(request.n or 1)
    if functions := tools.called(request):
        return [_calling(choice, list(tools.calls(functions)), limit) for choice in choices]
    return [
        _talking(choice, _said(request, f"{prompt}#{choice}" if choice else prompt, full), limit, request)
        for choice in choices
    ]


def _calling(choice: int, pieces: list[ToolPiece], limit: int) -> Script:
    return Script(choice, pieces[:limit], "tool_calls" if len(pieces) <= limit else "length")


def _talking(choice: int, pieces: list[str], limit: int, request: ChatRequest) -> Script:
    kept, stopped = _until_stop(pieces[:limit], request.stops)
    reason: FinishReason = "stop" if stopped or len(pieces) <= limit else "length"
    return Script(choice, kept, reason, (request.top_logprobs or 0) if request.logprobs else None)


def _said(request: ChatRequest, prompt: str, full: int) -> list[str]:
    """An answer that says what it is, and differs from prompt to prompt."""
    mark = f"{zlib.crc32(prompt.encode()):08x}"
    wanted = request.response_format
    if wanted is not None and wanted.type == "json_schema":
        schema = wanted.json_schema.document if wanted.json_schema else {}
        return tokens.split(orjson.dumps(specimen(schema)).decode())
    if wanted is not None and wanted.type == "json_object":
        return tokens.split(orjson.dumps({"answer": f"{WORD} {mark}"}).decode())
    words = [WORD, mark, *(WORDS[i % len(WORDS)] for i in range(full - 2))][:full]
    return [words[0], *(f" {word}" for word in words[1:])]


def _until_stop(pieces: list[str], stops: tuple[str, ...]) -> tuple[list[str], bool]:
    scanner = StopScanner(stops)
    kept: list[str] = []
    for piece in pieces:
        text, stopped = scanner.feed(piece)
        kept.append(text)
        if stopped:
            return kept, True
    kept[-1] += scanner.rest()
    return kept, False
