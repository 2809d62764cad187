"""The room for every browser that looks: the whole of it at once, and again after each change.

In: a function that gives the room as JSON, and the news that something changed. Out: server-sent events. A hundred
changes at once become one event, and a browser that reads slowly gets only the newest.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager

from shared.pipeline.errors import Overloaded
from shared.upstream.sse import event

PAUSE = 1.0  # seconds between two events: a hundred phones may look, on the room's wireless network
MOST_STREAMS = 300
MOST_OF_ONE = 150  # of one address: a room may share one
RECONNECT = b"retry: 1000\n\n"  # milliseconds, for the browser's EventSource


class Live:
    def __init__(self, look: Callable[[], bytes]) -> None:
        self._look = look
        self._news = asyncio.Event()
        self._changed = asyncio.Condition()
        self._event = b""
        self._number = 0
        self._ended = False
        self._open: Counter[str] = Counter()

    def changed(self) -> None:
        """There is something new to show."""
        self._news.set()

    async def run(self) -> None:
        """Make events, for as long as the board runs."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._say(self._look())
            await asyncio.sleep(PAUSE)

    async def end(self) -> None:
        """End all streams: the board stops, and browsers come again."""
        self._ended = True
        async with self._changed:
            self._changed.notify_all()

    def must_have_room(self, address: str) -> None:
        """Raises Overloaded if this address may not have another stream."""
        if self._open.total() >= MOST_STREAMS or self._open[address] >= MOST_OF_ONE:
            raise Overloaded("too many pages are open", retry_after=10)

    async def events(self, address: str) -> AsyncGenerator[bytes]:
        """The events for one browser, until it leaves or the board stops."""
        with self._counted(address):
            seen = self._number
            yield RECONNECT + event(self._look())
            while await self._newer_than(seen):
                seen = self._number
                yield self._event

    async def _newer_than(self, seen: int) -> bool:
        """Wait for a newer event; False if the board stops instead."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._ended or self._number > seen)
        return not self._ended

    @contextmanager
    def _counted(self, address: str) -> Iterator[None]:
        self._open[address] += 1
        try:
            yield
        finally:
            self._open[address] -= 1
            self._open = +self._open  # without those at zero

    async def _say(self, room: bytes) -> None:
        async with self._changed:
            self._event, self._number = event(room), self._number + 1
            self._changed.notify_all()
