"""A cluster that runs, as somebody with a shell on its machine sees it: its replicas, its processes, how to end them.

In: the port it serves at. Out: what Ray's REST API and the process table say. Kills only what belongs to this cluster.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from tests import waiting
from workshop import serving_cluster
from workshop.serving_cluster import Cluster, Replica

RUNNING = "RUNNING"
PATIENCE = 120.0  # seconds; a replica takes half a minute on a machine that has nothing else to do

wait_for = partial(waiting.wait_for, seconds=PATIENCE)


@dataclass(slots=True, frozen=True)
class Deployed:
    """`port` is the API's. The process is the launcher, from which all others descend."""

    port: int
    process: Cluster

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def status(self) -> dict[str, Any]:
        return serving_cluster.status(self.port)

    def replicas(self) -> list[Replica]:
        """Those with an engine; none while nobody can say."""
        try:
            return serving_cluster.replicas(self.port)
        except OSError:
            return []

    def running(self) -> list[Replica]:
        return [one for one in self.replicas() if one.state == RUNNING]

    def only(self) -> Replica:
        [replica] = self.running()
        return replica

    def wait_for_replicas(self, count: int, besides: tuple[Replica, ...] = ()) -> list[Replica]:
        """Exactly so many that run, none of them one of those which were there before, and nothing coming or going."""
        gone = {one.id for one in besides}

        def settled() -> list[Replica]:
            now = self.replicas()
            right = len(now) == count and all(one.state == RUNNING and one.id not in gone for one in now)
            return now if right else []

        return wait_for(settled, f"{count} replicas run, other ones than {sorted(gone)}")

    def processes(self) -> list[psutil.Process]:
        """All of the cluster's, from the launcher down."""
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def named(self, name: str) -> list[int]:
        """The pids of those whose name or command begins with this."""
        return [one.pid for one in self.processes() if name in (_name(one), *_words(one)[:1])]


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    os.kill(pid, number)


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
