"""The interface of a model in this server: it turns a chat request into a series of deltas.

In: a ChatRequest. Out: a Completion that knows the length of its prompt and yields text with a count of tokens.
Knows nothing of HTTP. Both models and the route use these types.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from serving.local.chat_request import ChatRequest, FinishReason


@dataclass(slots=True, frozen=True)
class ToolPiece:
    """The next piece of a tool call, number `place` in its choice. The first piece brings id and name."""

    place: int
    arguments: str
    id: str | None = None
    name: str | None = None


@dataclass(slots=True, frozen=True)
class Delta:
    """The next piece of an answer. A token may bring no text yet: half a character, or the start of a stop string.

    `logprobs`: OpenAI's object for each token, None if the request does not ask for it.
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
        """For a streaming request each token as it comes; otherwise one delta per choice, with the whole text.

        The last delta of a choice carries its finish reason. Closing the generator frees the model's slot at once.
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
