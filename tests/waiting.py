"""Wait for what will come true, and for no fixed time.

The limits are generous: waiting costs nothing when all is well, and a busy machine may take long over anything. This
is the only place where tests sleep; test_suite.py says which few others may, and why.
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
    """What the condition says once it is true of something. Raises AssertionError, which says `what` did not happen."""
    patience_ends = time.monotonic() + seconds
    while not (value := condition()):
        _still(patience_ends, seconds, what)
        time.sleep(poll)
    return value


def wait_until_still(look: Callable[[], object], seconds: float = 1.0) -> None:
    """Until what is seen is something, and has not changed for so many seconds in which we were not kept waiting."""
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
    """The same on the event loop, where others go on meanwhile."""

    async def ask() -> T | None:
        return condition()

    return await wait_asking(ask, what, seconds)


async def wait_asking(
    ask: Callable[[], Awaitable[T | None]],
    what: str | Callable[[], object] = "the condition came true",
    seconds: float = LIMIT,
) -> T:
    """The same for a condition that is itself waited for, like a question to a database."""
    patience_ends = time.monotonic() + seconds
    while not (value := await ask()):
        _still(patience_ends, seconds, what)
        await asyncio.sleep(POLL_SECONDS)
    return value


def _still(patience_ends: float, seconds: float, what: str | Callable[[], object]) -> None:
    if time.monotonic() > patience_ends:
        raise AssertionError(f"not within {seconds:g} seconds: {what() if callable(what) else what}")


class Stopwatch:
    """Seconds that have passed, less those that this process and `pids` stood ready to run and were given no core.

    A bound on how long something takes is a promise about our code. Where Linux does not tell what the machine took
    from it (/proc/PID/schedstat), every second counts.
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
        """Seconds for which somebody was kept waiting for a core."""
        return self._look() - self._before

    def _look(self) -> float:
        for pid in self._pids:
            with suppress(OSError, ValueError, IndexError):  # a process that is gone has told all it will
                self._waited[pid] = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
        return sum(self._waited.values())


def ended_in(process: Popen[str]) -> float:
    """Seconds until a process that was told to end has ended, as a Stopwatch has them. Raises AssertionError."""
    stopwatch = Stopwatch(process.pid)
    seconds: list[float] = []

    def gone() -> bool:
        seconds.append(stopwatch.seconds)
        return process.poll() is not None

    wait_for(gone, "the process ended")
    return seconds[-1]
