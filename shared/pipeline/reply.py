"""The reply that travels back out: a finished completion, or a stream whose first token has already arrived.

A stream becomes a `TokenStream` only with its first token. So the layers that protect the time before the first token
(retry, time-out, fallback) use the same `await next(call)` for both.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from shared.pipeline.call import Call
from shared.pipeline.outcome import Usage


@dataclass(slots=True)
class Completion:
    """A finished answer. `raw` is the upstream's JSON, byte for byte, for routes that use OpenAI's format.

    `cached`: another call has paid for it, and this one costs nothing.
    """

    model: str
    text: str
    usage: Usage
    finish_reason: str | None
    raw: bytes = field(repr=False)
    cached: bool = False


@dataclass(slots=True, frozen=True)
class Chunk:
    """A piece of a stream: one data frame, or several if they arrived together.

    `wire` holds these frames as events, with each payload as the upstream sent it, ready to relay. It may be empty: a
    frame that the client did not ask for is counted and removed. `text` is that of the first choice. `length` counts
    all generated characters, tool calls included. `carries`: a delta has something besides its role.
    """

    wire: bytes
    text: str = ""
    length: int = 0
    model: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None
    carries: bool = False


class TokenStream:
    """Chunks in order; the first one has already arrived. Always close it: closing frees the upstream.

    `first` has a token: text, a tool call, anything else that the model made, or the end of an answer without it.
    Iteration raises UpstreamError if the stream breaks. It ends after the upstream sent `[DONE]`, or ended its reply in
    good order after a finish reason.
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
    """The format in which a route writes its stream."""

    def chunk(self, chunk: Chunk) -> bytes:
        """The events of a chunk; empty if it has nothing for the client."""

    def end(self, call: Call) -> bytes:
        """The events between the last token and `[DONE]`. The call is settled by then."""


Relay = Callable[[Call, TokenStream, Format], AsyncGenerator[bytes]]
