"""Counts in memory, and writes a moment later: one write instead of one for each step. This makes counting cheap.

prometheus_client takes a lock for each step of a counter, and where workers share files it writes each one to a file.
A request takes twenty steps. Here all steps within WRITTEN_AFTER are one, and /metrics writes what waits before it is
read. Knows nothing of what is counted.
"""

import asyncio
import threading
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Protocol

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, values
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
    """Write what waits. Call it on the event loop, where Steps and Observations are counted."""
    with _lock:
        while _waiting:  # what waits in memory may have to wait for its file next
            waiting, _waiting[:] = _waiting[:], []
            for each in waiting:
                each.write()


class Waiting(Protocol):
    def write(self) -> None: ...


def write_later(waiting: Waiting) -> None:
    with _lock:
        first = not _waiting
        _waiting.append(waiting)
    if first:
        _write_soon()


class Steps:
    """A counter or a gauge that is only counted on the event loop."""

    __slots__ = ("_counter", "_sum", "_waits")

    def __init__(self, counter: Counter | Gauge) -> None:
        self._counter = counter
        self._sum = 0.0
        self._waits = False

    def inc(self, amount: float = 1) -> None:
        self._sum += amount
        if not self._waits:
            self._waits = True
            write_later(self)

    def write(self) -> None:
        steps, self._sum, self._waits = self._sum, 0.0, False
        self._counter.inc(steps)


class Observations:
    """A histogram that is only counted on the event loop."""

    __slots__ = ("_counts", "_edges", "_histogram", "_sum", "_waits")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._edges = histogram._upper_bounds
        self._counts = [0] * len(self._edges)
        self._sum = 0.0
        self._waits = False

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        if exemplar is not None:
            return self._histogram.observe(amount, exemplar)
        self._sum += amount
        self._counts[bisect_left(self._edges, amount)] += 1
        if not self._waits:
            self._waits = True
            write_later(self)

    def write(self) -> None:
        """prometheus_client has no call for many observations at once; this is what its `observe` does."""
        self._waits = False
        self._histogram._sum.inc(self._sum)
        self._sum = 0.0
        for number, count in enumerate(self._counts):
            if count:
                self._histogram._buckets[number].inc(count)
                self._counts[number] = 0


class WriteBehind:
    """One number of this worker, in a file."""

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
        write_later(self)

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


_lock = threading.RLock()
_waiting: list[Waiting] = []


def _write_soon() -> None:
    try:
        asyncio.get_running_loop().call_later(WRITTEN_AFTER, write)
    except RuntimeError:  # before the event loop runs, or outside of it
        write()
