"""A service is a list of layers around a model. This file is that idea and nothing else.

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
    """The handler inside all layers, which asks the upstreams. Opened and closed with the service."""

    async def __call__(self, call: Call) -> Reply:
        """Raises UpstreamError."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool:
        """Whether any upstream answers."""

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
    if type(layer).__module__.startswith("shared."):  # mypy has checked it: no need to check every call
        return lambda call: layer(call, next)

    async def handle(call: Call) -> Reply:
        reply = await layer(call, next)
        if not isinstance(reply, Completion | TokenStream):
            raise _not_a_reply(layer, reply)
        return reply

    return handle


def _not_a_reply(layer: Layer, returned: object) -> TypeError:
    """The error is raised here, at the layer: further out, nobody could tell which layer it was."""
    name = type(layer).__name__
    if isinstance(returned, Coroutine):
        returned.close()  # or Python warns later, elsewhere, that it was never awaited
        return TypeError(f"{name} returned a coroutine instead of a reply: is an `await` missing?")
    return TypeError(f"{name} returned {type(returned).__name__} instead of a reply: is a `return` missing?")


@runtime_checkable
class Follower(Protocol):
    """A layer that gets the list of layers further in, so that it can send some calls there in its own way."""

    def follow(self, layers: Sequence[Layer], innermost: Handler) -> None: ...


@runtime_checkable
class Limiting(Protocol):
    """A layer that limits how long a call may take: at most `most` seconds."""

    @property
    def most(self) -> float: ...


@runtime_checkable
class Batching(Protocol):
    """A layer that is told which calls belong to one request."""

    def together(self, calls: Sequence[Call]) -> AbstractContextManager[None]: ...


@runtime_checkable
class Resource(Protocol):
    """A layer (or client) that keeps something open while the service runs."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...


@runtime_checkable
class Checked(Protocol):
    """A part that reports its state without waiting. An open breaker is no reason to restart a live process."""

    def checks(self) -> Mapping[str, Any]: ...


@runtime_checkable
class Refusing(Protocol):
    """A layer that may refuse all work. `refusal` is None while it accepts calls."""

    def refusal(self) -> ServiceError | None: ...
