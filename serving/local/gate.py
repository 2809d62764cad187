"""A gate that holds calls until somebody releases them: a test can keep them in flight for as long as it likes.

In: calls that wait here. Out: they go on, in the order of their arrival. Knows nothing of HTTP or of plans.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Gate:
    """Lives on the event loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Event] = deque()
        self._open = False

    @property
    def held(self) -> int:
        return len(self._waiting)

    def release(self, calls: int) -> int:
        """Lets the first `calls` go on. Returns how many there were."""
        released = min(calls, self.held)
        for _ in range(released):
            self._waiting.popleft().set()
        return released

    def open(self) -> int:
        """Lets everything go on, later calls too. Returns how many were held."""
        self._open = True
        return self.release(self.held)

    async def wait(self) -> None:
        if self._open:
            return
        released = asyncio.Event()
        self._waiting.append(released)
        try:
            await released.wait()
        finally:
            if not released.is_set():  # the client left, or the server stops
                self._waiting.remove(released)


class Hold:
    """One call's relation to the gate: it waits there once, and never again."""

    def __init__(self, gate: Gate) -> None:
        self._gate: Gate | None = gate

    async def wait(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            await gate.wait()
