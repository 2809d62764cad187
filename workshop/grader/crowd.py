"""Many requests on their way at once, and what becomes true meanwhile: to look at a service in the middle of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from workshop.grader.service import Answer
from workshop.grader.upstream import Gate

POLL_SECONDS = 0.02
PATIENCE = 20.0  # seconds that a busy machine may take for what takes no time


def comes_true(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
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


def open_for_all(gate: Gate, asked: Sequence[Future[Any]]) -> None:
    """Those who come later, too."""

    def through() -> bool:
        gate.release()
        return all(answer.done() for answer in asked)

    comes_true(through)
