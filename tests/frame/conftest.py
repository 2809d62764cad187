"""Demos as people start them: `make demo-N` in its own terminal, with its two servers on free ports; and a model."""

import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.waiting import wait_for
from workshop.demo import MODEL_PORT_OFFSET
from workshop.grader.launch import ModelServer, embedded_server
from workshop.processes import ROOT, answers
from workshop.sidecars import PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET

PATIENCE = 120.0  # seconds
ABOVE = (0, MODEL_PORT_OFFSET, PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET)
WORKERS, PORTS_EACH = 8, 2750
_chosen: set[int] = set()


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@dataclass(slots=True)
class Terminal:
    """A shell that ran `make …`, and its output."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def printed(self) -> str:
        return self.output.read_text(errors="replace")

    def press_ctrl_c(self) -> int:
        """As in a terminal, the signal goes to the whole foreground process group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)

    def wait_for(self, text: str) -> None:
        def said() -> bool:
            ended = self.process.poll() is not None
            there = text in self.printed
            assert there or not ended, f"ended before it printed {text!r}:\n{self.printed}"
            return there

        wait_for(said, lambda: f"it printed {text!r}:\n{self.printed}", seconds=PATIENCE)


@contextmanager
def make(*arguments: str, folder: Path, **environment: str) -> Iterator[Terminal]:
    """`make ARGUMENTS` in its own process group; interrupted at the end if it still runs."""
    output = folder / "terminal.txt"
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["make", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    terminal = Terminal(process, output)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            terminal.press_ctrl_c()


def demo_port() -> int:
    """A free port; the ports above it that a demo uses are free, too.

    It is not an ephemeral port: the system hands out many of those between this check and the demo's start. Each pytest
    worker has its own range, and never returns a port twice.
    """
    first = 10_000 + PORTS_EACH * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % WORKERS)
    while True:
        port = random.randrange(first, first + PORTS_EACH - max(ABOVE))
        ports = {port + above for above in ABOVE}
        if not ports & _chosen and all(map(_is_free, ports)):
            _chosen.update(ports)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wait_until_gone(port: int) -> None:
    """Until neither a demo's service nor its model server answers."""
    for listener in (port, port + MODEL_PORT_OFFSET):
        wait_for(partial(_silent, listener), f"nobody listens on {listener} any more")


def _silent(port: int) -> bool:
    return not answers(f"http://127.0.0.1:{port}/health")
