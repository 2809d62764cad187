"""Demos as people start them: `make demo-N` in a terminal of its own, with its two servers on free ports."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workshop.demo import MODEL_PORT_OFFSET
from workshop.processes import ROOT, answers, free_port

PATIENCE = 60.0  # seconds


@dataclass(slots=True)
class Terminal:
    """A shell that ran `make …`, and what it printed."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def printed(self) -> str:
        return self.output.read_text(errors="replace")

    def press_ctrl_c(self) -> int:
        """What a terminal does: the signal goes to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(PATIENCE)

    def wait_for(self, text: str) -> None:
        patience_ends = time.monotonic() + PATIENCE
        while text not in self.printed:
            assert self.process.poll() is None, f"ended before it printed {text!r}:\n{self.printed}"
            assert time.monotonic() < patience_ends, f"never printed {text!r}:\n{self.printed}"
            time.sleep(0.05)


@contextmanager
def make(*arguments: str, folder: Path, **environment: str) -> Iterator[Terminal]:
    """`make ARGUMENTS`, in a process group of its own; ended if the test did not end it."""
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
    """A port that is free, with the embedded model's free above it."""
    while True:
        port = free_port()
        if port + MODEL_PORT_OFFSET < 65536 and not answers(f"http://127.0.0.1:{port + MODEL_PORT_OFFSET}/health"):
            return port
