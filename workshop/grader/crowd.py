"""Many requests in flight at once, and waiting for a condition: to look at a service in the middle of its work."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from workshop.grader.service import Answer
from workshop.grader.upstream import Gate

POLL_SECONDS = 0.02
PATIENCE = 20.0  # seconds; a busy machine may take this long for something instant


def comes_true(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    """Does the condition come true within so many seconds?"""
    patience_ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > patience_ends:
            return False
        time.sleep(POLL_SECONDS)
    return True


@contextmanager
def asked_at_once(ask: Callable[[], Answer], size: int) -> Iterator[list[Future[Answer]]]:
    """`size` requests in flight, all at the same time."""
    with ThreadPoolExecutor(max(1, size), thread_name_prefix="crowd") as pool:
        yield [pool.submit(ask) for _ in range(size)]


def open_for_all(gate: Gate, asked: Sequence[Future[Any]]) -> None:
    """Open the gate for all of them, including those that arrive later."""

    def through() -> bool:
        gate.release()
        return all(answer.done() for answer in asked)

    comes_true(through)
