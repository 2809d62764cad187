"""Two processes, each of which ends what the other leaves: a launcher that is killed outright leaves no cluster behind.

In: work that starts processes which start processes. Out: its exit status, once none of them is left. Linux gives a
process whose parent ended to the nearest subreaper above it; elsewhere only those are found whose parents live.
"""

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable
from types import FrameType

import psutil

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 5.0


def guarded(work: Callable[[], int]) -> int:
    """Do it in a child, who hears our signals. If we are killed it is told to stop; if it is, we end what is left."""
    adopt_orphans()
    guard = os.getpid()
    child = os.fork()
    if not child:
        # Who stops a whole group stops us alone, and we stop the rest in order: Ray waits long for parts that are gone.
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != guard:
            return 1
        return work()

    def pass_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    for number in SIGNALS:
        signal.signal(number, pass_on)
    _, status = os.waitpid(child, 0)
    end(())
    return abs(os.waitstatus_to_exitcode(status))


def adopt_orphans() -> None:
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end(processes: Iterable[psutil.Process]) -> None:
    """These, and all that descend from us: politely at first."""
    me = psutil.Process()
    left = {*processes, *me.children(recursive=True)}
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, alive = psutil.wait_procs(left, timeout=GRACE_SECONDS)
        # Those that ended their parents with them are our children now.
        left = {*alive, *me.children(recursive=True)}


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
