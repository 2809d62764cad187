"""Wait for what will come true, and for no fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02


def wait_for(condition: Callable[[], T], what: str = "the condition came true", seconds: float = 60.0) -> T:
    """What the condition says once it is true of something. Raises AssertionError, which says `what` did not happen."""
    patience_ends = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < patience_ends, f"not within {seconds:g} seconds: {what}"
        time.sleep(POLL_SECONDS)
    return value
