"""The use of cores: the measured server has one alone; all else (load, upstreams, this process) shares another."""

import os
import platform
import re
import shutil
from pathlib import Path

from workshop.processes import CannotStart, Process

MEASURED, REST = 0, 1


def keep_to_the_rest() -> None:
    """Move this process, and everything that it starts, off the measured core. Raises CannotStart."""
    if not hasattr(os, "sched_setaffinity") or not {MEASURED, REST} <= os.sched_getaffinity(0):
        raise CannotStart(f"a benchmark needs Linux, and the cores {MEASURED} and {REST}")
    if shutil.which("taskset") is None:
        raise CannotStart("a benchmark needs taskset, of util-linux")
    os.sched_setaffinity(0, {REST})


def measured(process: Process) -> Process:
    """The same process, on the measured core from its first instruction: it counts its cores at its start."""
    process.command = ["taskset", "--cpu-list", str(MEASURED), *process.command]
    return process


def machine() -> str:
    """The CPU's name, its cores, the Python."""
    told = Path("/proc/cpuinfo")  # of Linux
    found = re.search(r"model name\s*: (.*)", told.read_text()) if told.exists() else None
    name = found.group(1) if found else platform.machine()
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}"
