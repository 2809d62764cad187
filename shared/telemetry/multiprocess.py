"""Metrics of several workers: files in one folder, where each worker writes its own and reads those of all.

In: the ids of dead processes. Out: the folder, for as long as the service lives. A dead worker's gauges no longer mean
anything and are removed; its counts stay.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # the environment variable that tells prometheus_client the folder


@contextmanager
def metrics_of_workers() -> Iterator[None]:
    """Workers started inside share their metrics. This process started without the folder, so it has none."""
    with tempfile.TemporaryDirectory(prefix="llm-service-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]


def forget_gauges(dead: Iterable[int]) -> None:
    for pid in dead:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
