"""Looks at this process's memory at intervals, reports what it sees, and frees memory before the kernel has to.

In: the settings and the caches. Out: the state of pressure, for the layer that refuses work; log lines; numbers for
GET /health and GET /metrics. One watch per worker, on its event loop. Knows nothing of HTTP.

A look costs a tenth of a millisecond. Freeing memory costs more. Half of each cache goes at the first look over the
threshold, and the rest at the second. From then on all goes again every AGAIN_AFTER looks, for as long as needed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import Counter, Gauge

from shared.cache.cache import Cache
from shared.memory.cleanup import Freed, cached_bytes, clean_up
from shared.memory.limit import MemoryLimit, memory_limit
from shared.memory.pressure import Pressure, State
from shared.memory.rss import MEGABYTE, resident
from shared.memory.thresholds import thresholds
from shared.memory.trend import LeakDetector, Look
from shared.settings import Settings

log = logging.getLogger(__name__)

AGAIN_AFTER = 10  # looks; garbage collection holds up all calls

pressure_now = Gauge(
    "gateway_memory_pressure",
    "Memory pressure of the worst worker: 0 normal, 1 warning, 2 shedding caches, 3 refusing work",
    multiprocess_mode="livemax",
)
refuse_bytes = Gauge(
    "gateway_memory_refuse_bytes",
    "Resident bytes of a worker above which it refuses calls",
    multiprocess_mode="livemin",
)
cleanups_total = Counter("gateway_memory_cleanups_total", "How often caches were emptied to free memory")


class MemoryWatch:
    """Raises BadSetting. `caches` give up what they hold in memory; `bound` says how much memory there is."""

    def __init__(
        self, settings: Settings, caches: Sequence[Cache] = (), *, bound: Callable[[], MemoryLimit] = memory_limit
    ) -> None:
        self.resident = resident()
        self.pressure = Pressure(thresholds(settings, bound(), self.resident))
        self.leak = LeakDetector()
        self._every = settings.memory_check_seconds
        self._caches = caches
        self._calls = 0  # begun since the last look
        self._in_flight = 0
        self._over = 0  # looks in a row over the threshold
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        pressure_now.set(self.pressure.state)
        refuse_bytes.set(self.pressure.thresholds.refuse)
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    @property
    def refuses(self) -> bool:
        """True while no more work is taken."""
        return self.pressure.state is State.REFUSING

    def begin(self) -> None:
        """A call is admitted. More memory with more calls is no leak."""
        self._calls += 1
        self._in_flight += 1

    def end(self) -> None:
        self._in_flight -= 1

    async def clean_up(self, share: float = 1.0) -> Freed:
        """Drop this share of each cache, and log how much memory it freed."""
        freed = await clean_up(self._caches, share)
        self.resident = freed.after
        self.leak.forget()
        cleanups_total.inc()
        brought = freed.entries > 0 or freed.before - freed.after > MEGABYTE
        log.log(
            logging.WARNING if brought else logging.DEBUG,  # with a lasting leak, a warning would repeat for ever
            "memory: cleaned up, %.1f MB less resident, cache entries dropped: %d",
            (freed.before - freed.after) / MEGABYTE,
            freed.entries,
            extra={"fields": {"event": "memory_cleanup", **freed.report()}},
        )
        return freed

    def report(self) -> Mapping[str, Any]:
        """`available_mb` is what is left until this worker refuses work; `usage_percent` is the share that is not."""
        trend, most = self.leak.trend, self.pressure.thresholds.refuse
        return {
            "used_mb": round(self.resident / MEGABYTE, 1),
            "available_mb": round(max(0, most - self.resident) / MEGABYTE, 1),
            "usage_percent": round(self.resident / most * 100, 1),
            "threshold_mb": round(self.pressure.thresholds.shed / MEGABYTE, 1),
            "emergency_mb": round(self.pressure.thresholds.refuse / MEGABYTE, 1),
            "state": str(self.pressure.state),
            "trend": trend
            and {
                "bytes_per_minute": round(trend.bytes_per_minute),
                "bytes_per_call": None if trend.bytes_per_call is None else round(trend.bytes_per_call),
                "certainty": round(trend.certainty, 3),
                "over_s": round(trend.over, 1),
            },
            "leak_suspected": self.leak.leaks,
        }

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._look()
            except Exception:  # whatever goes wrong in one look, there must be a next one
                log.exception("a look at memory failed")

    async def _look(self) -> None:
        self.resident = resident()
        before, state = self.pressure.state, self.pressure.look(self.resident)
        if state is not before:
            pressure_now.set(state)
            self._tell(before, state)
        self._look_for_a_leak()
        if share := self._share_to_shed(state):
            await self.clean_up(share)

    def _share_to_shed(self, state: State) -> float:
        if state < State.SHEDDING:
            self._over = 0
            return 0.0
        self._over += 1
        if self._over == 1 and state is State.SHEDDING:
            return 0.5
        return 1.0 if self._over <= 2 or self._over % AGAIN_AFTER == 0 else 0.0

    def _look_for_a_leak(self) -> None:
        before, calls = self.leak.leaks, self._calls
        self._calls = 0
        self.leak.see(Look(time.monotonic(), self.resident, cached_bytes(self._caches), calls, self._in_flight))
        if self.leak.leaks is before:
            return
        trend = self.leak.trend
        if self.leak.leaks and trend is not None:
            log.warning(
                "memory: a leak is suspected: %.0f kB more a minute over %.1f minutes of equal load",
                trend.bytes_per_minute / 1000,
                trend.over / 60,
                extra={"fields": {"event": "memory_leak_suspected", **self.report()}},
            )
        else:
            log.warning("memory: no leak is suspected any more", extra={"fields": {"event": "memory_leak_cleared"}})

    def _tell(self, before: State, state: State) -> None:
        log.log(
            logging.ERROR if state is State.REFUSING else logging.WARNING,
            "memory: %s, was %s: %.0f MB resident, of %.0f before caches are emptied and %.0f before work is refused",
            state,
            before,
            self.resident / MEGABYTE,
            self.pressure.thresholds.shed / MEGABYTE,
            self.pressure.thresholds.refuse / MEGABYTE,
            extra={"fields": {"event": "memory_state", **self.report()}},
        )
