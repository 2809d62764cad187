"""Time that passes only while everybody waits: an event loop whose clock jumps to the next timer.

A deadline of half a second is over in no time, and exactly when it should be, however busy the machine is. For code
that waits for nothing but timers and other tasks: whoever waits for a socket or a thread would find no time there.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

T = TypeVar("T")


class Skipping(selectors.DefaultSelector):
    """Instead of waiting, it moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.now += timeout
            timeout = 0
        return super().select(timeout)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run, in which time.perf_counter and time.monotonic are the loop's clock, too."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        clock = runner.get_loop().time
        with patch.object(time, "perf_counter", clock), patch.object(time, "monotonic", clock):
            return runner.run(main)
