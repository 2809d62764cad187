"""A service is a list of layers around a model: this file is that idea and nothing else.

After "Your server as a function" (Eriksen, 2013) and Rust's tower: a handler answers a call, a layer wraps a handler.
"""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Protocol, runtime_checkable

from shared.call import Call
from shared.reply import Completion, Reply, TokenStream

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
class Resource(Protocol):
    """A layer (or client) that holds something open for as long as the service lives."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...
