"""How much memory this process has resident, and what it can give back to the system.

In bytes. Knows nothing of thresholds, caches or calls.
"""

import ctypes
import sys
from typing import Any

import psutil

MEGABYTE = 1_000_000


def resident() -> int:
    """What this process has in memory. A look costs some 70 µs."""
    # Made for each look: a process that was forked since would go on looking at its parent.
    return int(psutil.Process().memory_info().rss)


def trim() -> bool:
    """Give what the C library keeps for later back to the system; False where it has no such function.

    Python frees memory to the C library, and glibc keeps what is not at the very end of its heap: without this, what a
    cache gave up stays resident. Takes milliseconds for each hundred megabytes, without holding Python's lock.
    """
    if _malloc_trim is None:
        return False
    return bool(_malloc_trim(0))


def _glibc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none


_malloc_trim = _glibc()
