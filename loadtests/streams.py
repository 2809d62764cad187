"""An answer as its reader experienced it: when the first and the last token came, what it said, and how it ended.

In: the lines of a stream, as they come. Out: a Heard. Knows our own events and OpenAI's chunks; nothing of Locust.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from loadtests.timeline import Request

SIMULATED = "SIMULATED"  # the simulator's answers begin with this, and their words are their tokens


@dataclass(slots=True)
class Heard:
    """One request. `due` is when it should have been sent: time spent in the sender's queue counts as waiting too.

    Times are readings of time.monotonic(). `tokens` is the number that the service reports.
    """

    route: str
    due: float
    stream: bool
    first: float | None = None
    ended: float | None = None
    text: str = ""
    tokens: int = 0
    whole: bool = False
    failure: str | None = None
    input_tokens: int = 0

    @property
    def total(self) -> float:
        """Seconds to the end; infinite if it has not ended."""
        return float("inf") if self.ended is None else self.ended - self.due

    @property
    def to_first_token(self) -> float:
        """Seconds. An answer in one piece has its first token at its end."""
        first = self.first if self.stream else self.ended
        return float("inf") if first is None else first - self.due

    @property
    def per_token(self) -> float:
        """Seconds for each token after the first."""
        return (self.total - self.to_first_token) / max(self.tokens - 1, 1) if self.stream else 0.0

    @property
    def complete(self) -> bool:
        """It ended well, and is as long as it says."""
        counted = len(self.text.split()) == self.tokens if self.text.startswith(SIMULATED) else bool(self.text)
        return self.whole and self.tokens > 0 and counted

    def listen(self, readline: Callable[[], bytes]) -> None:
        """Read a stream to its end."""
        while line := readline():
            if line.startswith(b"data: [DONE]"):
                self.whole = True
            elif line.startswith(b"data:"):
                self._take(json.loads(line[5:]))
        self.ended = time.monotonic()
        if not self.whole:
            self.failure = self.failure or "ended without [DONE]"

    def _take(self, frame: dict[str, Any]) -> None:
        if error := frame.get("error"):
            self.failure = f"broke: {error.get('message')}"
        said = frame.get("delta") or "".join(_contents(frame.get("choices") or ()))
        if said and self.first is None:
            self.first = time.monotonic()
        self.text += said
        self.tokens = tokens_of(frame) or self.tokens
        self.input_tokens = input_tokens_of(frame) or self.input_tokens

    def read(self, answer: dict[str, Any]) -> None:
        """Take an answer that came in one piece."""
        self.ended = time.monotonic()
        self.text = answer.get("output") or answer["choices"][0]["message"]["content"]
        self.tokens, self.input_tokens = tokens_of(answer), input_tokens_of(answer)
        self.whole = True

    def as_request(self, *, good: bool) -> Request:
        """The same as one line of a report."""
        return Request(
            route=self.route,
            due=self.due,
            ended=self.ended,
            first=self.first if self.stream else None,
            input_tokens=self.input_tokens,
            output_tokens=self.tokens,
            failure=self.failure or ("incomplete" if self.whole and not self.complete else ""),
            good=good,
        )


def tokens_of(document: dict[str, Any]) -> int:
    """The answer's tokens, as counted by our own routes or by OpenAI's; 0 without a count."""
    ours = (document.get("metadata") or {}).get("tokens") or {}
    theirs = document.get("usage") or {}
    return int(ours.get("output") or theirs.get("completion_tokens") or 0)


def input_tokens_of(document: dict[str, Any]) -> int:
    """The prompt's tokens, counted in the same two ways; 0 without a count."""
    ours = (document.get("metadata") or {}).get("tokens") or {}
    theirs = document.get("usage") or {}
    return int(ours.get("input") or theirs.get("prompt_tokens") or 0)


def _contents(choices: Iterable[dict[str, Any]]) -> Iterable[str]:
    return (choice["delta"].get("content") or "" for choice in choices)
