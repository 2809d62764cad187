"""Stop the work for a client that has left.

A server does not cancel the handler of a client that hung up. We would compute and pay for an answer that nobody gets.
Our own server tells at once; under another one, a task waits for ASGI's message.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Receive, Scope

from shared.pipeline.errors import ShuttingDown

T = TypeVar("T")

CLIENT = "workshop.client"  # the name of our ASGI extension; see protocol.py


class ClientLeft(Exception):
    """The client closed the connection before its answer was ready."""


async def while_connected(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`. Raises ClientLeft if the client left, ShuttingDown if the server cancelled it.

    The request's body must have been read.
    """
    working = asyncio.current_task()
    assert working is not None
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        working.cancel()

    forget = when_gone(request.scope, request.receive, leave)
    try:
        return await work
    except asyncio.CancelledError:
        working.uncancel()
        raise ClientLeft if left else ShuttingDown from None
    finally:
        forget()


def when_gone(scope: Scope, receive: Receive, tell: Callable[[], None]) -> Callable[[], object]:
    """Call `tell` once if the client leaves before its response is complete. Returns a function that ends the watch."""
    if (client := _client(scope)) is not None:
        client["when_gone"](tell)
        return lambda: client["when_gone"](None)

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        tell()

    return asyncio.create_task(wait()).cancel


def hang_up(scope: Scope) -> Callable[[], None]:
    """A function that ends the connection at once, and drops unread data. Under another server it does nothing."""
    client = _client(scope)
    now: Callable[[], None] = (lambda: None) if client is None else client["hang_up"]
    return now


def _client(scope: Scope) -> dict[str, Any] | None:
    client: dict[str, Any] | None = scope.get("extensions", {}).get(CLIENT)
    return client
