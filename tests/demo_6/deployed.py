"""A running cluster, as somebody with a shell on its machine sees it: its replicas, its processes, how to kill them.

In: the port it serves at. Out: data from Ray's REST API and the process table. Kills only processes of this cluster.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psutil

from tests import waiting
from workshop import serving_cluster
from workshop.serving_cluster import Cluster, Replica

RUNNING = "RUNNING"
PATIENCE = 400.0  # seconds; two replicas that start at once take minutes on a busy machine

wait_for = partial(waiting.wait_for, seconds=PATIENCE)


@dataclass(slots=True, frozen=True)
class Deployed:
    """`port` is the API's. `process` is the launcher, the ancestor of all others."""

    port: int
    process: Cluster

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def import_path(self) -> str:
        """The import path of the only application."""
        [application] = serving_cluster.status(self.port)["applications"].values()
        return str(application["deployed_app_config"]["import_path"])

    def replicas(self) -> list[Replica]:
        """The replicas that have an engine; none while the API does not answer."""
        try:
            return serving_cluster.replicas(self.port)
        except OSError:
            return []

    def running(self) -> list[Replica]:
        return [one for one in self.replicas() if one.state == RUNNING]

    def wait_for_replicas(self, right: Callable[[list[Replica]], object], what: str) -> list[Replica]:
        """The replicas, as soon as they are `right`."""
        return wait_for(lambda: now if right(now := self.replicas()) else [], what)

    def wait_until_all_run(self, count: int, besides: tuple[Replica, ...] = ()) -> list[Replica]:
        """Exactly `count` replicas run, none of them among `besides`, and none is starting or stopping."""
        old = {one.id for one in besides}
        return self.wait_for_replicas(
            lambda now: len(now) == count and all(one.state == RUNNING and one.id not in old for one in now),
            f"{count} replicas run",
        )

    def processes(self) -> list[psutil.Process]:
        """All processes of the cluster, from the launcher down."""
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def named(self, name: str) -> list[int]:
        """The pids of the processes with this name."""
        return [one.pid for one in self.processes() if name in _names(one)]


def kill(pid: int | None, number: signal.Signals = signal.SIGKILL) -> None:
    assert pid is not None, "it has no process yet"
    os.kill(pid, number)


def _names(process: psutil.Process) -> list[str]:
    """The program's name, and the title in the process table; none for a process that has ended."""
    try:
        return [process.name(), *process.cmdline()[:1]]
    except psutil.Error:
        return []
