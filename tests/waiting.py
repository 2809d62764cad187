"""Waits for conditions, never for a fixed time.

The limits are generous: they cost nothing when all is well, and on a busy machine everything may take long. Only this
module sleeps; test_suite.py lists the few exceptions, with their reasons.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from typing import TypeVar

T = TypeVar("T")

LIMIT = 120.0  # seconds
POLL_SECONDS = 0.02


def wait_for(
    condition: Callable[[], T | None],
    what: str | Callable[[], object] = "the condition came true",
    seconds: float = LIMIT,
    poll: float = POLL_SECONDS,
) -> T:
    """The condition's first true value. Raises AssertionError if none comes in time; `what` says what was expected."""
    patience_ends = time.monotonic() + seconds
    while not (value := condition()):
        _still(patience_ends, seconds, what)
        time.sleep(poll)
    return value


def wait_until_still(look: Callable[[], object], seconds: float = 1.0) -> None:
    """Until `look` returns something true that has not changed for so many seconds, as a Stopwatch counts them."""
    seen, stopwatch = look(), Stopwatch()

    def still() -> bool:
        nonlocal seen, stopwatch
        now = look()
        if now != seen or not now:
            seen, stopwatch = now, Stopwatch()
        return stopwatch.seconds > seconds

    wait_for(still, "nothing changes any more")


async def wait_on_loop(
    condition: Callable[[], T | None],
    what: str | Callable[[], object] = "the condition came true",
    seconds: float = LIMIT,
) -> T:
    """wait_for on the event loop: other tasks run meanwhile."""

    async def ask() -> T | None:
        return condition()

    return await wait_asking(ask, what, seconds)


async def wait_asking(
    ask: Callable[[], Awaitable[T | None]],
    what: str | Callable[[], object] = "the condition came true",
    seconds: float = LIMIT,
) -> T:
    """The same for an asynchronous condition, such as a database query."""
    patience_ends = time.monotonic() + seconds
    while not (value := await ask()):
        _still(patience_ends, seconds, what)
        await asyncio.sleep(POLL_SECONDS)
    return value


def _still(patience_ends: float, seconds: float, what: str | Callable[[], object]) -> None:
    if time.monotonic() > patience_ends:
        raise AssertionError(f"not within {seconds:g} seconds: {what() if callable(what) else what}")


class Stopwatch:
    """Seconds that have passed, less those in which this process and `pids` were ready to run but got no core.

    A bound on a duration is a promise about our code, not about the machine. Where /proc/PID/schedstat does not exist,
    every second counts.
    """

    def __init__(self, *pids: int) -> None:
        self._pids = (os.getpid(), *pids)
        self._waited: dict[int, float] = {}
        self._before = self._look()
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began - self.starved

    @property
    def starved(self) -> float:
        """Seconds for which these processes waited for a core."""
        return self._look() - self._before

    def _look(self) -> float:
        for pid in self._pids:
            with suppress(OSError, ValueError, IndexError):  # a process that has ended keeps its last reading
                self._waited[pid] = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
        return sum(self._waited.values())


def ended_in(process: Popen[str]) -> float:
    """Seconds until a process that was told to end has ended, as a Stopwatch counts them. Raises AssertionError."""
    stopwatch = Stopwatch(process.pid)
    seconds: list[float] = []

    def gone() -> bool:
        seconds.append(stopwatch.seconds)
        return process.poll() is not None

    wait_for(gone, "the process ended")
    return seconds[-1]
