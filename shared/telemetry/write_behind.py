"""Counts in memory, and writes to the file a moment later. This makes counting cheap where workers share files.

prometheus_client writes each step of a counter to its file at once: 0.7 µs, a dozen times per request. Here all steps
within WRITTEN_AFTER are one write. Knows nothing of what is counted.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from prometheus_client import REGISTRY, values
from prometheus_client.metrics import MetricWrapperBase

WRITTEN_AFTER = 0.02  # seconds; a killed worker loses this much of its counts, and as much of its log


def gather() -> None:
    """Make all metrics write behind, into files of this process. For a worker, whose folder is known.

    Metrics made before the fork begin again, in the worker's own files.
    """
    WriteBehind.in_file = values.get_value_class()  # type: ignore[no-untyped-call]
    values.ValueClass = WriteBehind  # its documentation says: assign your own class here
    for metric in tuple(REGISTRY._collector_to_names):
        if isinstance(metric, MetricWrapperBase):
            _begin_again(metric)


def _begin_again(metric: MetricWrapperBase) -> None:
    if metric._is_observable():  # type: ignore[no-untyped-call]
        metric._metric_init()  # type: ignore[no-untyped-call]
    for of_labels in getattr(metric, "_metrics", {}).values():
        of_labels._metric_init()


def write() -> None:
    """Write the waiting numbers to their files."""
    with _lock:
        waiting, _waiting[:] = _waiting[:], []
        for value in waiting:
            value.write()


class WriteBehind:
    """One number of this worker."""

    in_file: Callable[..., Any]  # prometheus_client's number, in a file of this process

    def __init__(self, *name: Any, **options: Any) -> None:
        self._written = WriteBehind.in_file(*name, **options)
        self._unwritten = 0.0
        self._waits = False

    def inc(self, amount: float) -> None:
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
        with _lock:
            self._unwritten = 0.0
            self._written.set(value, timestamp)

    def get(self) -> float:
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
_waiting: list[WriteBehind] = []


def _write_soon() -> None:
    try:
        asyncio.get_running_loop().call_later(WRITTEN_AFTER, write)
    except RuntimeError:  # before the event loop runs, or outside of it
        write()
