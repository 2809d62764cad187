"""What a model is to this server: something that turns a chat request into a run of deltas.

In: a ChatRequest. Out: a Completion that knows the length of its prompt and yields text with a count of tokens.
Knows nothing of HTTP; both models and the route speak these words.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from serving.local.chat_request import ChatRequest, FinishReason


@dataclass(slots=True, frozen=True)
class ToolPiece:
    """The next piece of a tool call, the `place`-th of its choice. The first one brings id and name."""

    place: int
    arguments: str
    id: str | None = None
    name: str | None = None


@dataclass(slots=True, frozen=True)
class Delta:
    """The next piece of an answer. A token may bring no text yet: half a character, or the start of a stop string.

    `logprobs`: OpenAI's object for each token, None if nobody asked.
    """

    text: str
    tokens: int
    finish_reason: FinishReason | None = None
    choice: int = 0
    tools: tuple[ToolPiece, ...] = ()
    logprobs: Sequence[dict[str, Any]] | None = None


class Completion(Protocol):
    prompt_tokens: int
    choices: int
    calls_tools: bool

    def deltas(self) -> AsyncGenerator[Delta, None]:
        """Each token as it comes for a streaming request, one delta a choice with everything for another.

        The last delta of a choice carries its finish reason. Closing the generator gives up the model's place at once.
        """
        ...


class Model(Protocol):
    name: str
    context_tokens: int

    @property
    def ready(self) -> bool: ...

    async def start(self) -> None:
        """Loads and warms up. Raises if that fails."""
        ...

    async def begin(self, request: ChatRequest) -> Completion:
        """Raises ApiError: context_length_exceeded, an overload, or what this model cannot do."""
        ...

    def stop(self) -> None: ...
