"""Metrics of several workers: files in one folder, which each worker writes its own of, and any of them reads.

In: the numbers of processes that have died. Out: the folder, for as long as the service lives. A dead worker's gauges
say nothing any more and go; what it has counted stays.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the environment variable by which prometheus_client knows where


@contextmanager
def metrics_of_workers() -> Iterator[None]:
    """Workers that are started inside share their metrics. This process, which has begun without, has none."""
    with tempfile.TemporaryDirectory(prefix="llm-service-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def forget_gauges(dead: Iterable[int]) -> None:
    for pid in dead:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
