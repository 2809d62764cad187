"""The memory thresholds for action: those of the settings, or lower ones where there is less memory.

We refuse work before the kernel kills us, which would lose all calls in flight. A memory limit is for all workers of a
service together, so each has its share of it.
"""

import logging
import multiprocessing
from dataclasses import dataclass

from shared.memory.limit import MemoryLimit
from shared.memory.rss import MEGABYTE
from shared.settings import BadSetting, Settings

log = logging.getLogger(__name__)

# Parts of a worker's share of the available memory.
MOST_BEFORE_SHEDDING = 0.75
MOST_BEFORE_REFUSING = 0.9


@dataclass(slots=True, frozen=True)
class Thresholds:
    """In bytes resident, of one worker. Over `shed`, caches are emptied; over `refuse`, no more work is taken."""

    shed: int
    refuse: int


def thresholds(settings: Settings, bound: MemoryLimit, resident: int) -> Thresholds:
    """`resident` is what one process has at its start. Raises BadSetting."""
    wanted, most = settings.memory_threshold_mb, settings.memory_emergency_mb
    if wanted > most:
        raise BadSetting(
            f"MEMORY_THRESHOLD_MB={wanted:g}: must not be over MEMORY_EMERGENCY_MB, which is {most:g}: "
            "caches are emptied before work is refused"
        )
    asked = Thresholds(int(wanted * MEGABYTE), int(most * MEGABYTE))
    share = _share(bound, settings.workers, resident)
    fitting = Thresholds(
        min(asked.shed, int(share * MOST_BEFORE_SHEDDING)), min(asked.refuse, int(share * MOST_BEFORE_REFUSING))
    )
    if fitting != asked and multiprocessing.parent_process() is None:  # once, not once per worker
        log.warning(
            "%s has %.0f MB of memory for %d worker(s): MEMORY_THRESHOLD_MB is taken as %.0f, MEMORY_EMERGENCY_MB as "
            "%.0f",
            bound.of,
            bound.bytes / MEGABYTE,
            settings.workers,
            fitting.shed / MEGABYTE,
            fitting.refuse / MEGABYTE,
            extra={"fields": {"event": "memory_thresholds_lowered"}},
        )
    return fitting


def _share(bound: MemoryLimit, workers: int, resident: int) -> float:
    if workers == 1:
        return bound.bytes
    return max(0, bound.bytes - resident) / workers  # the parent, which has built the service too, needs memory as well
