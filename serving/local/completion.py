"""What a model is to this server: something that turns a chat request into a run of deltas.

In: a ChatRequest. Out: a Completion that knows the length of its prompt and yields text with a count of tokens.
Knows nothing of HTTP; both models and the route speak these words.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from serving.local.protocol import ChatRequest, FinishReason


@dataclass(slots=True, frozen=True)
class Delta:
    """The next piece of an answer. A token may bring no text yet: half a character, or the start of a stop string."""

    text: str
    tokens: int
    finish_reason: FinishReason | None = None


class Completion(Protocol):
    prompt_tokens: int
    max_tokens: int

    def deltas(self) -> AsyncGenerator[Delta, None]:
        """Each token as it comes for a streaming request, one delta with everything for another.

        The last delta carries the finish reason. Closing the generator gives up the model's place at once.
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
        """Raises ApiError: context_length_exceeded, or an overload."""
        ...

    def stop(self) -> None: ...
