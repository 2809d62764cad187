"""Stop the work for a client that has left.

uvicorn does not cancel the handler of a client that hung up. We would compute and pay for an answer that nobody gets.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from shared.pipeline.errors import ShuttingDown

T = TypeVar("T")

PATIENCE = 0.1  # seconds; most answers are sent by then, and need no watcher


class ClientLeft(Exception):
    """The client closed the connection before its answer was ready."""


async def while_connected(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`. Raises ClientLeft if the client left, ShuttingDown if the server cancelled it.

    The request's body must have been read.
    """
    working = asyncio.current_task()
    assert working is not None
    left = False
    watcher: asyncio.Task[None] | None = None

    async def watch() -> None:
        nonlocal left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left = True
        working.cancel()

    def start() -> None:
        nonlocal watcher
        watcher = asyncio.create_task(watch())

    timer = asyncio.get_running_loop().call_later(PATIENCE, start)
    try:
        return await work
    except asyncio.CancelledError:
        working.uncancel()
        raise ClientLeft if left else ShuttingDown from None
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
