"""A worker's own metrics, once a second: its uptime, its processor time, its memory, its tokens.

Most values of several workers are added up. All are gauges, because only the gauges of a dead worker can be forgotten.
"""

import asyncio
import time
from collections import deque
from typing import NamedTuple

from prometheus_client import Gauge

from shared.memory.rss import resident

EVERY = 1.0  # seconds
WINDOW = 10  # looks over which a rate is taken

uptime = Gauge("process_uptime_seconds", "Seconds since the oldest worker started", multiprocess_mode="livemax")
cpu = Gauge("process_cpu_percent", "Processor time of all workers; 100 is one core", multiprocess_mode="livesum")
memory = Gauge("process_memory_bytes", "Resident memory of all workers", multiprocess_mode="livesum")
worst = Gauge("process_memory_worst_bytes", "Resident memory of the largest worker", multiprocess_mode="livemax")
tokens = Gauge("inference_tokens_per_second", "Output tokens per second, over ten seconds", multiprocess_mode="livesum")


class Look(NamedTuple):
    """Readings that only grow."""

    at: float
    cpu: float
    tokens: int


class ProcessMetrics:
    """The code that counts tokens adds them to `tokens`."""

    def __init__(self) -> None:
        self.tokens = 0
        self._looks: deque[Look] = deque(maxlen=WINDOW)
        self._started = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._started = time.monotonic()
        self._looks.append(self._look())
        self.tell()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def tell(self) -> None:
        """Set the gauges now, and again every second."""
        self._timer = asyncio.get_running_loop().call_later(EVERY, self.tell)
        now = self._look()
        before = self._looks[0]
        self._looks.append(now)
        seconds = max(now.at - before.at, EVERY)
        uptime.set(now.at - self._started)
        cpu.set(100 * (now.cpu - before.cpu) / seconds)
        tokens.set((now.tokens - before.tokens) / seconds)
        size = resident()
        memory.set(size)
        worst.set(size)

    def _look(self) -> Look:
        return Look(time.monotonic(), time.process_time(), self.tokens)
