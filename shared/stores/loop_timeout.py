"""A time-out that does not run while the event loop is busy.

A plain time-out blames the other side for our own delay: while the loop is busy for 50 ms, the reply waits in the
socket and the timer expires. So this time-out counts turns of the loop, each at least TURN long. Every turn reads what
has arrived, and when the loop is late, its turns are late, too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TURN = 0.01  # seconds


class LoopTimeout:
    """Limits each wait to `seconds` of a loop that is not busy. One timer, which runs only during waits."""

    def __init__(self, seconds: float) -> None:
        self._turns = max(1, round(seconds / TURN))
        self._left: dict[asyncio.Timeout, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """Raises TimeoutError in the code inside, once the time is up."""
        async with asyncio.timeout(None) as limit:
            self._left[limit] = self._turns
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(TURN, self._turn)
            try:
                yield
            finally:
                del self._left[limit]

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TURN, self._turn) if self._left else None
        for limit, left in self._left.items():
            self._left[limit] = left - 1
            if left == 1:
                limit.reschedule(loop.time())
