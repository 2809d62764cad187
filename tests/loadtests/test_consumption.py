"""The CPU time and memory of a process and its children are counted completely, and nothing else is."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.bench.consumption import cpu_seconds, resident_mb

SPIN = "import time\nwhile time.process_time() < 0.2: pass\nprint(time.process_time(), flush=True)\ninput()"
HOLD = "held = bytearray(80_000_000)\nfor at in range(0, len(held), 4096): held[at] = 1\nprint(1, flush=True)\ninput()"


@contextmanager
def parent_of(program: str) -> Iterator[tuple[int, float]]:
    """The pid of an idle process with one child that runs `program`, and the number that the child prints first."""
    idle = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", idle], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        try:
            yield parent.pid, float(parent.stdout.readline())
        finally:
            parent.communicate("\n")


def test_cpu_time_of_children_is_counted() -> None:
    before = cpu_seconds(os.getpid())
    with parent_of(SPIN) as (pid, used):
        assert cpu_seconds(pid) >= used >= 0.2
        assert cpu_seconds(os.getpid()) - before >= used  # a grandchild counts, too


def test_memory_is_that_of_the_largest_process() -> None:
    with parent_of(HOLD) as (pid, _):
        assert 80 < resident_mb(pid) < 140
