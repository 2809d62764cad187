"""A service is a list of layers around a model: this file is that idea and nothing else.

After "Your server as a function" (Eriksen, 2013) and Rust's tower: a handler answers a call, a layer wraps a handler.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, runtime_checkable

from shared.call import Call
from shared.reply import Reply

Handler = Callable[[Call], Awaitable[Reply]]


# region: layer
class Layer(Protocol):
    """Does one thing to a call on its way in, to its reply on the way out, or instead of both."""

    async def __call__(self, call: Call, next: Handler) -> Reply: ...


def compose(layers: Sequence[Layer], innermost: Handler) -> Handler:
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


# endregion: layer


def _wrap(layer: Layer, next: Handler) -> Handler:
    return lambda call: layer(call, next)


@runtime_checkable
class Follower(Protocol):
    """A layer that wants to know what stands further in, to send some calls there on a way of its own."""

    def follow(self, layers: Sequence[Layer], innermost: Handler) -> None: ...


@runtime_checkable
class Resource(Protocol):
    """A layer (or client) that holds something open for as long as the service lives."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...
