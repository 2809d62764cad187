"""A program in its own terminal, where Ctrl-C is a key: the kernel sends the signal to all foreground processes.

In: a command. Out: the text on the screen, and the processes that it has started.
"""

import contextlib
import fcntl
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.waiting import wait_for
from workshop.processes import ROOT

CTRL_C = b"\x03"
PATIENCE = 120.0  # seconds


class Tty:
    """The program, its screen and its keyboard."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._keyboard, inside = pty.openpty()
        self._seen = b""
        self._mine: set[psutil.Process] = set()
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(inside)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def screen(self) -> str:
        return self._seen.decode(errors="replace").replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        wait_for(lambda: text in self.screen, f"{text!r} on the screen", PATIENCE)

    def press_ctrl_c(self) -> None:
        self.processes()
        os.write(self._keyboard, CTRL_C)

    def processes(self) -> set[psutil.Process]:
        """The program and all processes that it had started by this or an earlier call."""
        with contextlib.suppress(psutil.NoSuchProcess):
            me = psutil.Process(self.process.pid)
            self._mine |= {me, *me.children(recursive=True)}
        return self._mine

    def runs(self, words: str) -> bool:
        """Whether one of these processes has these words in its command line."""
        return any(words in " ".join(_command(process)) for process in self.processes())

    def wait_for_the_end(self) -> int:
        """Its exit status. Raises AssertionError if a process that it started outlives it."""
        self.process.wait(PATIENCE)
        wait_for(lambda: not any(map(_alive, self._mine)), f"{[*map(_command, self._mine)]} ended", PATIENCE)
        self._reader.join(PATIENCE)
        return self.process.returncode

    def close(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        os.close(self._keyboard)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: no process has the terminal open any more
            while block := os.read(self._keyboard, 65536):
                self._seen += block


@contextmanager
def terminal(*command: str, **environment: str) -> Iterator[Tty]:
    """The command in a terminal; at the end it is killed, with all processes that it started."""
    tty = Tty(list(command), {**os.environ, **environment})
    try:
        yield tty
    finally:
        tty.close()


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
