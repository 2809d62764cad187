"""What travels back out: a finished completion, or a stream whose first token has already arrived.

Because a stream is only a `TokenStream` once it has a token to show, everything that guards the time before the first
token (retry, time-out, fallback) is the same `await next(call)` for both.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from shared.pipeline.call import Call
from shared.pipeline.outcome import Usage


@dataclass(slots=True)
class Completion:
    """A finished answer. `raw` is the upstream's JSON to the byte, for routes that speak OpenAI's format.

    `cached`: another call has paid for it, and this one owes nothing.
    """

    model: str
    text: str
    usage: Usage
    finish_reason: str | None
    raw: bytes = field(repr=False)
    cached: bool = False


@dataclass(slots=True, frozen=True)
class Chunk:
    """What arrived at once of a stream: one data frame, or several if they came together.

    `wire` are these frames as events, each payload as the upstream sent it, to be relayed unbuilt. It may be empty:
    a frame that the client did not ask for was counted, and taken out. `text` is the first choice's; `length` counts
    the characters of all that was generated, calls of tools too.
    """

    wire: bytes
    text: str = ""
    length: int = 0
    model: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None


class TokenStream:
    """Chunks in order, the first of them already here. Close it, always: that is what frees the upstream.

    `first` has a token: text, a call of a tool, or the end of an answer that has none. Iterating raises UpstreamError
    when the stream breaks; it ends only after the upstream said `[DONE]`.
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


class Format(Protocol):
    """How a route writes its stream."""

    def chunk(self, chunk: Chunk) -> bytes:
        """The events of a chunk; empty if it has nothing for the client."""

    def end(self, call: Call) -> bytes:
        """What comes between the last token and `[DONE]`. The call is settled."""


Relay = Callable[[Call, TokenStream, Format], AsyncGenerator[bytes]]
