"""An answer that is made once for all who ask within a moment, so that many open pages are no load.

In: a key, and how to make its answer. Out: the answer, or the error that making it raised, for everybody.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Coalesced(Generic[T]):
    """For a few keys: none is ever forgotten, its answer is made anew after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._made: dict[object, tuple[float, asyncio.Future[T]]] = {}

    async def get(self, key: object, make: Callable[[], Awaitable[T]]) -> T:
        ends, answer = self._made.get(key, (0.0, None))
        if answer is None or (answer.done() and time.monotonic() > ends):
            answer = asyncio.ensure_future(make())
            answer.add_done_callback(_heard)
            self._made[key] = (time.monotonic() + self._seconds, answer)
        # Who goes away meanwhile takes nobody else's answer along.
        return await asyncio.shield(answer)


def _heard(answer: asyncio.Future[T]) -> None:
    """Also if nobody waits any more, asyncio need not tell of an error that nobody heard."""
    if not answer.cancelled():
        answer.exception()
