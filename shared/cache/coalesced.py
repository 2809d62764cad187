"""An answer that is made once for all requests within a short time, so that many open pages are no load.

In: a key, and a function that makes its answer. Out: the answer, or the error that the function raised, for all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Coalesced(Generic[T]):
    """For a few keys: no key is ever forgotten, and its answer is made again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._made: dict[object, tuple[float, asyncio.Future[T]]] = {}

    async def get(self, key: object, make: Callable[[], Awaitable[T]]) -> T:
        ends, answer = self._made.get(key, (0.0, None))
        if answer is None or (answer.done() and time.monotonic() > ends):
            answer = asyncio.ensure_future(make())
            answer.add_done_callback(_heard)
            self._made[key] = (time.monotonic() + self._seconds, answer)
        # A request that is cancelled meanwhile does not cancel the others' answer.
        return await asyncio.shield(answer)


def _heard(answer: asyncio.Future[T]) -> None:
    """Read the error, so that asyncio does not report it when no request waits any more."""
    if not answer.cancelled():
        answer.exception()
