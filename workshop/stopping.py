"""Ctrl-C: once means stop in order, once more means end at once.

In: signals. Out: Stopped, raised in the main thread, and never where that would leave something half done (see `held`).
Imports nothing slow, so that it can run before everything else: see `end_quietly`.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Ctrl-C or another signal asked us to end. Like KeyboardInterrupt, it is no error that code should catch."""


class _Told:
    """The signals that we have received so far."""

    to_stop = False
    held = 0
    waiting = False

    def __init__(self, end_at_once: Callable[[], None]) -> None:
        self._end_at_once = end_at_once

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            _leave_the_line()
        if self.to_stop:
            # A signal to stop may arrive twice, directly and through make. A second Ctrl-C is meant as one.
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
    """Delay Stopped until this is over: for example between the start of a process and the note that it started."""
    _told.held += 1
    try:
        yield
    finally:
        _told.held -= 1
    if _told.waiting and not _told.held:
        _told.waiting = False
        raise Stopped


def end_quietly() -> None:
    """For the moments before `listen`, when nothing has been started yet: a signal ends us, with one line.

    The Makefile holds Ctrl-C back until here: if it interrupts Python's start, Python prints a long traceback.
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
    """A terminal shows ^C where it was typed: our output begins on the next line."""
    with contextlib.suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\n")
