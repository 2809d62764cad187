"""The reports of the drivers, in the same words for every client.

An answer has `choices`, each with `text`, `finish_reason`, `tool_calls` (name, arguments as received, id) and
`logprobs` (the tokens, or None); `usage` is (in, out, total) or None. A stream's report also has `pieces`, the texts in
order of arrival, and `error` if it broke. An error has the names of its class and of all ancestors.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Report = dict[str, Any]
Order = Mapping[str, Any]
Action = Callable[[Order], Report]


def serve(actions: Mapping[str, Action]) -> None:
    """Carry out orders until stdin ends."""
    reports = sys.stdout
    sys.stdout = sys.stderr  # keeps a client's own output out of the reports
    print("{}", file=reports, flush=True)  # ready
    for line in sys.stdin:
        order = json.loads(line)
        try:
            report = actions[order["do"]](order)
        except Exception as error:
            report = {"error": failure(error)}
        print(json.dumps(report), file=reports, flush=True)


def failure(error: BaseException) -> Report:
    response = getattr(error, "response", None)
    return {
        "classes": [kind.__name__ for kind in type(error).__mro__],
        "status": getattr(error, "status_code", None),
        "code": getattr(error, "code", None),
        "param": getattr(error, "param", None),
        "type": getattr(error, "type", None),
        "message": str(error),
        "request_id": getattr(error, "request_id", None),
        "headers": {name.lower(): value for name, value in getattr(response, "headers", {}).items()},
        "trace": traceback.format_exception(error)[-3:],
    }


def choice(
    text: str | None,
    finish_reason: str | None,
    tool_calls: Iterable[Report] = (),
    logprobs: Iterable[str] | None = None,
) -> Report:
    return {
        "text": text,
        "finish_reason": finish_reason,
        "tool_calls": list(tool_calls),
        "logprobs": None if logprobs is None else list(logprobs),
    }


class Gathered:
    """The choices of a stream, assembled from chunks in OpenAI's shape, by attribute or by key."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.usages: list[list[int]] = []
        self.ids: set[str] = set()
        self._choices: dict[int, Report] = {}

    def add(self, chunk: Any) -> None:
        self.ids.add(chunk.id)
        if usage := usage_of(getattr(chunk, "usage", None)):
            self.usages.append(usage)
        for said in chunk.choices:
            one = self._choices.setdefault(said.index, choice(None, None))
            if said.delta.content:
                one["text"] = (one["text"] or "") + said.delta.content
                self.pieces.append(said.delta.content)
            one["finish_reason"] = said.finish_reason or one["finish_reason"]
            if (logprobs := getattr(said, "logprobs", None)) and logprobs.content:
                one["logprobs"] = [*(one["logprobs"] or []), *(token.token for token in logprobs.content)]
            for piece in said.delta.tool_calls or ():
                self._call(one["tool_calls"], piece)

    def _call(self, calls: list[Report], piece: Any) -> None:
        if piece.index == len(calls):
            calls.append({"id": piece.id, "name": piece.function.name, "arguments": "", "pieces": 0})
        calls[piece.index]["arguments"] += piece.function.arguments or ""
        calls[piece.index]["pieces"] += 1

    def report(self, error: BaseException | None = None) -> Report:
        return {
            "pieces": self.pieces,
            "choices": [self._choices[index] for index in sorted(self._choices)],
            "usage": self.usages[-1] if self.usages else None,
            "usages": len(self.usages),
            "ids": sorted(self.ids),
            "error": failure(error) if error else None,
        }


def usage_of(usage: Any) -> list[int] | None:
    return [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens] if usage else None


def answer(completion: Any) -> Report:
    """An answer in OpenAI's shape, by attribute."""
    return {
        "id": completion.id,
        "object": completion.object,
        "model": completion.model,
        "choices": [_choice(said) for said in completion.choices],
        "usage": usage_of(completion.usage),
    }


def _choice(said: Any) -> Report:
    calls = [
        {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
        for call in said.message.tool_calls or ()
    ]
    logprobs = getattr(said, "logprobs", None)
    tokens = [token.token for token in logprobs.content] if logprobs and logprobs.content else None
    return choice(said.message.content, said.finish_reason, calls, tokens)
