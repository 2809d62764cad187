"""Many requests on their way at once, and what becomes true meanwhile: to look at a service in the middle of it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from tests.grader.service import Answer

POLL_SECONDS = 0.02


def comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Does it, within so many seconds?"""
    patience_ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > patience_ends:
            return False
        time.sleep(POLL_SECONDS)
    return True


@contextmanager
def asked_at_once(ask: Callable[[], Answer], size: int) -> Iterator[list[Future[Answer]]]:
    """So many of these on their way, all at the same time."""
    with ThreadPoolExecutor(max(1, size), thread_name_prefix="crowd") as pool:
        yield [pool.submit(ask) for _ in range(size)]
