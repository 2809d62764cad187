"""A service is a list of layers around a model: this file is that idea and nothing else.

After "Your server as a function" (Eriksen, 2013) and Rust's tower: a handler answers a call, a layer wraps a handler.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from shared.pipeline.call import Call, Target
from shared.pipeline.errors import ServiceError
from shared.pipeline.reply import Completion, Reply, TokenStream

Handler = Callable[[Call], Awaitable[Reply]]


class Innermost(Protocol):
    """Who answers in the end: what the layers stand around. Opened and closed with the service."""

    async def __call__(self, call: Call) -> Reply:
        """Raises UpstreamError."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool:
        """Does it answer at all?"""

    def base_url(self, target: Target) -> str: ...


class Layer(Protocol):
    """Does one thing to a call on its way in, to its reply on the way out, or instead of both."""

    async def __call__(self, call: Call, next: Handler) -> Reply: ...


Layers = Sequence[Layer]


def compose(layers: Layers, innermost: Handler) -> Handler:
    """The handler that sends a call inward through `layers`, first to last, to `innermost`."""
    for number, layer in enumerate(layers, start=1):
        if isinstance(layer, Follower):
            layer.follow(layers[number:], innermost)
    # region: compose
    handler = innermost
    for layer in reversed(layers):
        handler = _wrap(layer, handler)
    return handler
    # endregion: compose


def _wrap(layer: Layer, next: Handler) -> Handler:
    if type(layer).__module__.startswith("shared."):  # what mypy has checked need not be looked at a thousand times
        return lambda call: layer(call, next)

    async def handle(call: Call) -> Reply:
        reply = await layer(call, next)
        if not isinstance(reply, Completion | TokenStream):
            raise _not_a_reply(layer, reply)
        return reply

    return handle


def _not_a_reply(layer: Layer, returned: object) -> TypeError:
    """Said here, at the layer: further out nobody could tell which one it was."""
    name = type(layer).__name__
    if isinstance(returned, Coroutine):
        returned.close()  # or Python warns, later and elsewhere, that nobody awaited it
        return TypeError(f"{name} returned a coroutine instead of a reply: is an `await` missing?")
    return TypeError(f"{name} returned {type(returned).__name__} instead of a reply: is a `return` missing?")


@runtime_checkable
class Follower(Protocol):
    """A layer that wants to know what stands further in, to send some calls there on a way of its own."""

    def follow(self, layers: Sequence[Layer], innermost: Handler) -> None: ...


@runtime_checkable
class Batching(Protocol):
    """A layer that wants to know which calls belong to one request."""

    def together(self, calls: Sequence[Call]) -> AbstractContextManager[None]: ...


@runtime_checkable
class Resource(Protocol):
    """A layer (or client) that holds something open for as long as the service lives."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


@runtime_checkable
class Checked(Protocol):
    """Who can say how it is, at once. A breaker that is open is no reason to restart a process that is alive."""

    def checks(self) -> Mapping[str, Any]: ...


@runtime_checkable
class Refusing(Protocol):
    """A layer that may have reason to take no work at all: None while it has none."""

    def refusal(self) -> ServiceError | None: ...
