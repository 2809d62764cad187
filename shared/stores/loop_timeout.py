"""A time-out that a busy event loop does not use up.

A plain time-out blames the other side for our own queue: while a loop is busy for 50 ms, the reply lies unread in the
socket and the timer is long over. So patience is counted in turns of the loop, each at least TURN long: every turn
reads what has arrived, and a loop that is late makes its turns late too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TURN = 0.01  # seconds


class LoopTimeout:
    """Waits of at most `seconds` of a loop that has time to look. One timer for all of them; none when none waits."""

    def __init__(self, seconds: float) -> None:
        self._turns = max(1, round(seconds / TURN))
        self._left: dict[asyncio.Timeout, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """Raises TimeoutError in what is awaited inside, once patience is at its end."""
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
