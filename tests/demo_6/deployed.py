"""A cluster that runs, as somebody with a shell on its machine sees it: its replicas, its processes, how to end them.

In: the port it serves at. Out: what Ray's REST API and the process table say. Kills only what belongs to this cluster.
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
    """`port` is the API's. The process is the launcher, from which all others descend."""

    port: int
    process: Cluster

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def import_path(self) -> str:
        """Of the one application."""
        [application] = serving_cluster.status(self.port)["applications"].values()
        return str(application["deployed_app_config"]["import_path"])

    def replicas(self) -> list[Replica]:
        """Those with an engine; none while nobody can say."""
        try:
            return serving_cluster.replicas(self.port)
        except OSError:
            return []

    def running(self) -> list[Replica]:
        return [one for one in self.replicas() if one.state == RUNNING]

    def wait_for_replicas(self, right: Callable[[list[Replica]], object], what: str) -> list[Replica]:
        """What there is once it is right."""
        return wait_for(lambda: now if right(now := self.replicas()) else [], what)

    def wait_until_all_run(self, count: int, besides: tuple[Replica, ...] = ()) -> list[Replica]:
        """So many, none of them one of those, and nothing comes or goes any more."""
        old = {one.id for one in besides}
        return self.wait_for_replicas(
            lambda now: len(now) == count and all(one.state == RUNNING and one.id not in old for one in now),
            f"{count} replicas run",
        )

    def processes(self) -> list[psutil.Process]:
        """All of the cluster's, from the launcher down."""
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def named(self, name: str) -> list[int]:
        """The pids of those that go by this name."""
        return [one.pid for one in self.processes() if name in _names(one)]


def kill(pid: int | None, number: signal.Signals = signal.SIGKILL) -> None:
    assert pid is not None, "it has no process yet"
    os.kill(pid, number)


def _names(process: psutil.Process) -> list[str]:
    """Its program's, and what it calls itself in the process table; none of one that is gone."""
    try:
        return [process.name(), *process.cmdline()[:1]]
    except psutil.Error:
        return []
