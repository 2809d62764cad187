"""Stop working for a client that has left.

uvicorn does not cancel a handler whose client hung up: the answer would be computed, and paid for, for nobody.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from shared.pipeline.errors import ShuttingDown

T = TypeVar("T")

PATIENCE = 0.1  # seconds; most answers are gone by then, and never pay for a watcher


class ClientLeft(Exception):
    """The client closed the connection before its answer was ready."""


async def while_connected(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`; if it was cancelled, by us or by the server, ClientLeft or ShuttingDown.

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
