"""What travels back out: a finished completion, or a stream whose first data frame has already arrived.

Because a stream is only a `TokenStream` once it has a token to show, everything that guards the time before the first
token (retry, time-out, fallback) is the same `await next(call)` for both.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from shared.call import Usage


@dataclass(slots=True)
class Completion:
    """A finished answer. `body` is the upstream's JSON, whole, for routes that speak OpenAI's format.

    `cached`: another call has paid for it, and this one owes nothing.
    """

    model: str
    text: str
    usage: Usage
    finish_reason: str | None
    body: dict[str, Any] = field(repr=False)
    cached: bool = False


@dataclass(slots=True, frozen=True)
class Chunk:
    """One data frame of a stream. `data` is its payload as the upstream sent it, so that it can be relayed unbuilt."""

    data: bytes
    text: str = ""
    model: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None


class TokenStream:
    """Chunks in order, the first of them already here. Close it, always: that is what frees the upstream.

    Iterating raises UpstreamError when the stream breaks; it ends only after the upstream said `[DONE]`.
    """

    def __init__(self, first: Chunk, rest: AsyncIterator[Chunk], close: Callable[[], Awaitable[None]]) -> None:
        self.first = first
        self._rest = rest
        self._close = close

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        yield self.first
        async for chunk in self._rest:
            yield chunk

    async def aclose(self) -> None:
        await self._close()


Reply = Completion | TokenStream
