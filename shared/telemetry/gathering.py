"""Count in memory, and write it down a moment later: what makes counting cheap where workers share files.

prometheus_client writes each step of a counter into its file at once: 0.7 µs, a dozen times a request. Here all steps
of WRITTEN_AFTER are one. Knows nothing of what is counted.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from prometheus_client import values

WRITTEN_AFTER = 0.02  # seconds; a worker that is killed outright takes that much with it, as it does of its log


def gather() -> None:
    """Have all metrics that are made from here on gather. They count nothing before `open_files`."""
    values.ValueClass = Gathered  # its documentation says: assign a class of yours here


def open_files() -> None:
    """This process is a worker: all metrics, also those made before it was forked, count into files of its own."""
    Gathered.in_file = values.get_value_class()  # type: ignore[no-untyped-call]
    for value in _made:
        value.open()
    _made.clear()


def write() -> None:
    """Write down what waits for it."""
    with _lock:
        waiting, _waiting[:] = _waiting[:], []
        for value in waiting:
            value.write()


class Gathered:
    """One number of this worker."""

    in_file: Callable[..., Any] | None = None  # prometheus_client's number, in a file of this process

    def __init__(self, *name: Any, **options: Any) -> None:
        self._name, self._options = name, options
        self._written: Any = None
        self._unwritten = 0.0
        self._waits = False
        if Gathered.in_file is None:
            _made.append(self)
        else:
            self.open()

    def open(self) -> None:
        assert Gathered.in_file is not None
        self._written = Gathered.in_file(*self._name, **self._options)

    def inc(self, amount: float) -> None:
        if self._written is None:
            return
        with _lock:
            self._unwritten += amount
            if self._waits:
                return
            self._waits = True
            first = not _waiting
            _waiting.append(self)
        if first:
            _write_soon()

    def set(self, value: float, timestamp: float | None = None) -> None:
        if self._written is None:
            return
        with _lock:
            self._unwritten = 0.0
            self._written.set(value, timestamp)

    def get(self) -> float:
        if self._written is None:
            return 0.0
        with _lock:
            return float(self._written.get()) + self._unwritten

    def write(self) -> None:
        self._written.inc(self._unwritten)
        self._unwritten, self._waits = 0.0, False

    def set_exemplar(self, exemplar: object) -> None:
        """Files have no room for them."""

    def get_exemplar(self) -> None:
        return None


_lock = threading.Lock()
_waiting: list[Gathered] = []
_made: list[Gathered] = []  # before there were files


def _write_soon() -> None:
    try:
        asyncio.get_running_loop().call_later(WRITTEN_AFTER, write)
    except RuntimeError:  # before the event loop, or beside it
        write()
