"""Ctrl-C: once means stop in order, once more means end at once.

In: signals. Out: Stopped, raised where the main thread is, and never where that would leave something half done (see
`held`). Imports nothing that takes time, so that it can be asked for before all else: see `end_quietly`.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_PRESS_SECONDS = 0.2  # some programs that start us pass a signal on that we have had from the terminal already


class Stopped(BaseException):
    """Ctrl-C, or somebody asked us to end. Like a KeyboardInterrupt, it is no error that anybody should catch."""


class _Told:
    """What we have been told so far. `at` is when, on time.monotonic(); None: nothing."""

    at: float | None = None
    held = 0
    waiting = False

    def __init__(self, end_at_once: Callable[[], None]) -> None:
        self._end_at_once = end_at_once

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.at is not None:
            if number == signal.SIGINT and time.monotonic() - self.at > SAME_PRESS_SECONDS:
                self._end_at_once()
            return
        self.at = time.monotonic()
        if number == signal.SIGINT:
            _leave_the_line()
        if self.held:
            self.waiting = True
            return
        raise Stopped


_told = _Told(lambda: None)


def listen(end_at_once: Callable[[], None]) -> None:
    """From here on the first signal raises Stopped, and a second Ctrl-C calls `end_at_once`."""
    global _told
    _told = _Told(end_at_once)
    for number in SIGNALS:
        signal.signal(number, _told)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Stopped waits until this is over: between the start of a process and the note that it was started, say."""
    _told.held += 1
    try:
        yield
    finally:
        _told.held -= 1
    if _told.waiting and not _told.held:
        _told.waiting = False
        raise Stopped


def end_quietly() -> None:
    """For the moments before `listen`, in which nothing has been started yet: a signal ends us, with one line."""
    for number in SIGNALS:
        signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    if number == signal.SIGINT:
        _leave_the_line()
    with contextlib.suppress(OSError):
        os.write(2, b"stopped\n")
    os._exit(0)


def _leave_the_line() -> None:
    """A terminal shows ^C where it was typed: what we say begins on the next line."""
    with contextlib.suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\n")
