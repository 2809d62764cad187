"""Virtual time: an event loop whose clock jumps to the next timer while all tasks wait.

A deadline of half a second takes no real time, and ends exactly on time, however busy the machine is. It is for code
that waits only for timers and other tasks: time would run ahead of a wait for a socket or a thread.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

T = TypeVar("T")


class Skipping(selectors.DefaultSelector):
    """A selector that moves the clock instead of waiting."""

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
    """asyncio.run, with time.perf_counter and time.monotonic on the loop's clock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        clock = runner.get_loop().time
        with patch.object(time, "perf_counter", clock), patch.object(time, "monotonic", clock):
            return runner.run(main)
