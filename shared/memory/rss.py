"""The resident memory of this process, and the part that it can give back to the system.

In bytes. Knows nothing of thresholds, caches or calls.
"""

import ctypes
import sys
from typing import Any

import psutil

MEGABYTE = 1_000_000


def resident() -> int:
    """Bytes of this process that are resident. A look costs about 70 µs."""
    # A new Process for each look: after a fork, an old one would still read the parent.
    return int(psutil.Process().memory_info().rss)


def trim() -> bool:
    """Return the memory that the C library keeps for later to the system; False if it has no such function.

    Python frees memory to the C library, and glibc keeps all that is not at the very end of its heap. Without this, the
    memory that a cache gave up stays resident. Takes milliseconds per hundred megabytes, without holding the GIL.
    """
    if _malloc_trim is None:
        return False
    return bool(_malloc_trim(0))


def _glibc() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none


_malloc_trim = _glibc()
