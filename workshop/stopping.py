"""Ctrl-C: once means stop in order, once more means end at once.

In: signals. Out: Stopped, raised where the main thread is, and never where that would leave something half done (see
`held`). Imports nothing that takes time, so that it can be asked for before all else: see `end_quietly`.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Ctrl-C, or somebody asked us to end. Like a KeyboardInterrupt, it is no error that anybody should catch."""


class _Told:
    """What we have been told so far."""

    to_stop = False
    held = 0
    waiting = False

    def __init__(self, end_at_once: Callable[[], None]) -> None:
        self._end_at_once = end_at_once

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            _leave_the_line()
        if self.to_stop:
            # Who asks us to stop may do so twice, through make and by itself. Whoever presses Ctrl-C again means it.
            if number == signal.SIGINT:
                self._end_at_once()
            return
        self.to_stop = True
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
    """For the moments before `listen`, in which nothing has been started yet: a signal ends us, with one line.

    The Makefile has Ctrl-C held back until here: Python, interrupted while it starts, says so at length.
    """
    for number in SIGNALS:
        signal.signal(number, _end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


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
