"""The steps of a Ray pod before it ends. Here Ray is a script that records its calls."""

import os
import threading
from pathlib import Path

import pytest

from serving.kubernetes import leave
from tests.waiting import wait_for


class Pod:
    """A folder in place of /proc, and our own `ray` on the PATH; `drains` says whether drain-node succeeds."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, drains: bool = True) -> None:
        self.processes = folder / "proc"
        self._said = folder / "said"
        self.processes.mkdir()
        ray = folder / "ray"
        ray.write_text(
            f'#!/bin/sh\necho "$1 $(ls {self.processes})" >> {self._said}\n[ $1 = stop ] || {str(drains).lower()}\n'
        )
        ray.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(leave, "PROC", self.processes)

    def process(self, number: int, title: str) -> Path:
        folder = self.processes / str(number)
        folder.mkdir()
        (folder / "cmdline").write_text(title)
        return folder

    @property
    def said(self) -> list[str]:
        """The calls of Ray, each with the processes at that time."""
        return self._said.read_text().splitlines() if self._said.exists() else []


def end(process: Path) -> None:
    (process / "cmdline").unlink()
    process.rmdir()


def test_it_waits_until_the_replicas_of_this_pod_are_gone_and_then_ends_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod = Pod(tmp_path, monkeypatch)
    pod.process(1, "/opt/venv/bin/python raylet")
    replicas = [pod.process(number, f"ray::ServeReplica:llm:LLMServer#{number}") for number in (7, 8)]
    assert leave.replicas() == 2
    leaving = threading.Thread(target=leave.main, args=[["--within", "60"]])
    leaving.start()
    wait_for(lambda: pod.said == ["drain-node 1", "7", "8"], "Ray is asked to empty the node")
    end(replicas[0])
    end(replicas[1])
    leaving.join(10)
    assert not leaving.is_alive()
    assert pod.said[-1] == "stop 1"


def test_it_stops_ray_when_the_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = Pod(tmp_path, monkeypatch)
    pod.process(7, "ray::ServeReplica:llm:LLMServer")
    assert leave.main(["--within", "0"]) == 0
    assert pod.said == ["drain-node 7", "stop 7"]


def test_it_does_not_wait_after_a_failed_drain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = Pod(tmp_path, monkeypatch, drains=False)
    pod.process(7, "ray::ServeReplica:llm:LLMServer")
    assert leave.main(["--within", "60"]) == 0
    assert pod.said == ["drain-node 7", "stop 7"]
    assert "ray drain-node: " in capsys.readouterr().err
