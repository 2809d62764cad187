"""Start our servers as separate processes, wait until they answer, stop them and everything that they started.

In: a command and the URL that answers 200 once the server is up. Used by `make demo-N`, the grader, tests, load
scenarios and benchmarks. Knows nothing of what the servers do.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from workshop import direct
from workshop.stopping import held
from workshop.urls import reached_at

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.05
START_SECONDS = 120.0  # that a server has for its first answer, on a busy machine
PROBE_SECONDS = 2.0  # for each probe while we wait for a server to come up
GATEWAY = "the gateway"
GATEWAY_GRACE = 10  # seconds that calls in flight have once a gateway is told to stop
STOP_SECONDS = 30.0  # more, on a busy machine: to end the remaining calls, and to close connections and files
# These lead Python, and so our own code, elsewhere. Our child processes start without them.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH")
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36


class CannotStart(Exception):
    """One line that says which program did not start, and why."""


@dataclass
class Process:
    """A server. `ready_url` answers 200 once it is up. `output` takes stdout and stderr; with None they are ours.

    `grace` is how many seconds it has to end once it is told to.
    """

    name: str
    command: list[str]
    ready_url: str
    environment: Mapping[str, str] = field(default_factory=dict)
    output: Path | None = None
    directory: Path = ROOT
    grace: float = 10.0
    _popen: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = START_SECONDS) -> Self:
        """Start and wait until it answers. Raises CannotStart, after stopping what was started."""
        with held():
            self._popen = self._launch()
            _started.append(self)
        try:
            self._wait_until_ready(timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """SIGTERM, then SIGKILL after `grace` seconds, to the process and everything that it started."""
        if self._popen is None:
            return
        self._signal_group(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(self.grace)
        self._signal_group(signal.SIGKILL)
        self._popen.wait()
        self._popen = None
        _started.remove(self)

    @property
    def pid(self) -> int:
        assert self._popen is not None, f"{self.name} is not running"
        return self._popen.pid

    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._popen.poll() if self._popen else None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> subprocess.Popen[bytes]:
        file: IO[bytes] | None = self.output.open("ab") if self.output else None
        try:
            return subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=child_environment(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # Ctrl-C reaches only us: we stop things in order
                preexec_fn=die_with_parent,
            )
        finally:
            if file:
                file.close()

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _wait_until_ready(self, timeout: float) -> None:
        patience_ends = time.monotonic() + timeout
        while not answers(self.ready_url):
            if (status := self.exit_status()) is not None:
                # Without a file for its output, the process has printed the reason itself.
                unsaid = f"{self.name} ended with exit status {status}" if self.output else ""
                raise CannotStart(self._last_words() or unsaid)
            if time.monotonic() > patience_ends:
                raise CannotStart(f"{self.name} did not answer at {self.ready_url} within {timeout:g} seconds")
            time.sleep(POLL_SECONDS)

    def _last_words(self) -> str:
        lines = self.output.read_text(errors="replace").splitlines() if self.output else []
        return lines[-1] if lines else ""


_started: list[Process] = []  # those not stopped yet, in the order in which they were started


def stop_all() -> None:
    """Stop what still runs, the newest first. Call it at the end of a program, however it ended."""
    for process in reversed(_started.copy()):
        process.stop()


def child_environment(own: Mapping[str, str] | None = None, *hosts: str) -> dict[str, str]:
    """The environment for a program of ours: our own, and its `own` variables.

    It lacks the variables that make Python run other code than this folder's. No proxy is asked for this machine, nor
    for `hosts`.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    environment = {**inherited, **(own or {})}
    return environment | direct.past_proxies(environment, *hosts)


def gateway(
    build: str,
    *,
    port: int,
    environment: Mapping[str, str],
    output: Path | None = None,
    host: str = "127.0.0.1",
) -> Process:
    """A service of ours, e.g. `demos.demo_1_guarded.app:build`. It listens on `host`, whatever HOST says."""
    told = ["--host", host, "--port", str(port), "--grace", str(GATEWAY_GRACE)]
    told += [] if output else ["--attended"]
    return Process(
        name=GATEWAY,
        command=[sys.executable, "-m", "shared.server", build, *told],
        ready_url=f"{reached_at(host, port)}/health",
        environment=environment,
        output=output,
        grace=GATEWAY_GRACE + STOP_SECONDS,
    )


def model_server(*, port: int, environment: Mapping[str, str] | None = None, output: Path | None = None) -> Process:
    """The embedded model server, with its two models and its fault switches."""
    return Process(
        name="the embedded model server",
        command=[sys.executable, "-m", "serving.local", "--port", str(port)],
        ready_url=f"http://127.0.0.1:{port}/health",
        environment=environment or {},
        output=output,
    )


def answers(url: str) -> bool:
    """Does `url` answer 200 right now?"""
    return not direct.silence(url, PROBE_SECONDS)


def free_port() -> int:
    """A port on which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Looked up here: between fork and exec, in a process with threads, it is too late to load a library.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Even a parent that is killed with SIGKILL leaves nothing running. Linux only; elsewhere a no-op."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Our children's orphans become our children, so that `end_at_once` finds them. Linux only; elsewhere a no-op."""
    if _prctl is not None:
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
