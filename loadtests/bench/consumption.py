"""What a process and its children have used: CPU time and memory, as the kernel counts them."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of `pid` and its children so far, in seconds.

    From the processes' CPU clocks, which count nanoseconds; /proc/PID/stat counts hundredths of a second.
    """
    return sum(time.clock_gettime(_cpu_clock(each)) for each in _family(pid))


def resident_mb(pid: int) -> float:
    """Resident memory of a worker, in megabytes: the largest of `pid` and its children. `pid` may be a launcher."""
    pages = max(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in _family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _family(pid: int) -> Iterator[int]:
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))


def _cpu_clock(pid: int) -> int:
    # What clock_getcpuclockid(3) returns, which Python does not offer.
    return (~pid << 3) | 2
