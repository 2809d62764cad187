"""A cluster leaves no processes, however its launcher ends. Real processes, one of them killed by SIGKILL; no Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_for
from workshop.processes import ROOT

# Does what the launcher and Ray do: starts processes in sessions of their own, one of which soon becomes an orphan.
# All of them ignore SIGTERM.
LAUNCHER = """
import os, signal, sys, time
from pathlib import Path
from serving.ray_serve.subreaper import adopt_orphans, end, guarded

def work():
    adopt_orphans()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: sys.exit(7))
    try:
        start(orphan=False)
        start(orphan=True)
        time.sleep(600)
    finally:
        end(())

def start(orphan):
    child = os.fork()
    if child:
        return orphan and os.waitpid(child, 0)
    os.setsid()
    if orphan and os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(sys.argv[1]).open("a").write("x")
    time.sleep(600)

sys.exit(guarded(work))
"""


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    ready = tmp_path / "ready"
    process = subprocess.Popen([sys.executable, "-c", LAUNCHER, str(ready)], cwd=ROOT)
    wait_for(lambda: ready.exists() and ready.read_text() == "xx", "both are there")
    wait_for(lambda: len(family(process.pid)) == 4, "the orphan is adopted")
    yield process
    process.kill()
    process.wait()


def family(pid: int) -> list[psutil.Process]:
    """The guard, the worker, and the two processes that it started."""
    guard = psutil.Process(pid)
    return [guard, *guard.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_on_sigint_it_ends_all_processes_and_exits_with_the_works_status(launcher: subprocess.Popen[bytes]) -> None:
    mine = family(launcher.pid)
    launcher.send_signal(signal.SIGINT)
    assert launcher.wait(30) == 7
    assert all_gone(mine)


@pytest.mark.parametrize("place", [0, 1], ids=["the guard", "who works"])
def test_killed_outright_it_leaves_no_process_either(launcher: subprocess.Popen[bytes], place: int) -> None:
    mine = family(launcher.pid)
    os.kill(mine[place].pid, signal.SIGKILL)
    wait_for(lambda: all_gone(mine), "all are gone", seconds=30)
    assert launcher.wait(30) != 0
