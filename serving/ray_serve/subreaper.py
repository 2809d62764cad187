"""Two processes, each of which ends what the other leaves: a launcher killed by SIGKILL leaves no cluster behind.

In: work that starts processes which start processes. Out: its exit status, once none of them is left. On Linux, an
orphaned process becomes a child of the nearest subreaper above it; elsewhere only processes with living parents are
found.
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
    """Do the work in a child, which gets our signals. If we are killed, it stops; if it is, we end what is left."""
    adopt_orphans()
    guard = os.getpid()
    child = os.fork()
    if not child:
        # A signal to the whole group reaches only us, and we stop the rest in order: Ray waits long for missing parts.
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
    """End these processes, and all our descendants: politely at first."""
    me = psutil.Process()
    left = {*processes, *me.children(recursive=True)}
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, alive = psutil.wait_procs(left, timeout=GRACE_SECONDS)
        # The children of those that have ended are our children now.
        left = {*alive, *me.children(recursive=True)}


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value)
