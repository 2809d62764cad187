"""Starts services and makes tokens fast: it forks them from a process that has imported all of our code already.

A service takes a second of CPU time for its imports, the token command almost as long, and the tests need hundreds of
both. `python -m tests.fork_server` imports once, and forks a program for each order on stdin: one line of JSON, with
one line as answer on stdout. The children are ordinary processes with their own environment, session and output.
`make demo-N`, the grader and the labs, run as programs, start services and make tokens as users do.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workshop import processes
from workshop.processes import ROOT, Process, child_environment, die_with_parent

READ_BEFORE = (
    "demos.demo_1_guarded.app",
    "demos.demo_2_who_and_how_often.app",
    "demos.demo_3_caching.app",
    "demos.demo_4_streaming.app",
    "demos.demo_5_observability.app",
    "demos.demo_6_ray_serve_vllm.app",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "uvicorn.lifespan.on",
    "uvloop",
)
SERVICE, ACCOUNTS = "shared.server", "shared.accounts.__main__"  # both have a main() that takes arguments
LOOK_SECONDS = 0.01


class Nursery:
    """A handle on the process that forks services. It starts with the first order and ends when its stdin closes."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, order: Mapping[str, Any]) -> Any:
        with self._one_at_a_time:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.fork_server"],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


NURSERY = Nursery()
# A service of four workers may need minutes on a starved machine; one that ends early is noticed at once.
Process.start.__defaults__ = (240.0,)


@dataclass(slots=True)
class Child:
    """A forked service, with the part of `subprocess.Popen` that workshop.processes uses."""

    pid: int
    status: int | None = None

    def poll(self) -> int | None:
        if self.status is None:
            self.status = NURSERY.ask({"ended": self.pid})
        return self.status

    def wait(self, timeout: float | None = None) -> int:
        patience_ends = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if patience_ends is not None and time.monotonic() > patience_ends:
                raise subprocess.TimeoutExpired("a forked service", timeout or 0)
            time.sleep(LOOK_SECONDS)
        return status


class Forked(Process):
    """A service that is forked instead of started."""

    def _launch(self) -> Any:
        order = {
            "program": SERVICE,
            "arguments": self.command[3:],  # after python -m shared.server
            "environment": child_environment(self.environment),
            "output": str(self.output) if self.output else os.devnull,
        }
        return Child(NURSERY.ask(order))


def gateway(
    build: str,
    *,
    port: int,
    environment: Mapping[str, str],
    output: Path | None = None,
    host: str = "127.0.0.1",
) -> Process:
    """Replaces workshop.processes.gateway."""
    process = processes.gateway(build, port=port, environment=environment, output=output, host=host)
    return Forked(process.name, process.command, process.ready_url, environment, output, grace=process.grace)


def accounts(arguments: Sequence[str], database_url: str) -> subprocess.CompletedProcess[str]:
    """Replaces workshop.grader.callers.command, but stderr arrives together with stdout."""
    with tempfile.NamedTemporaryFile() as output:
        order = {
            "program": ACCOUNTS,
            "arguments": arguments,
            "environment": {**os.environ, "DATABASE_URL": database_url},
            "output": output.name,
        }
        status = Child(NURSERY.ask(order)).wait()
        said = Path(output.name).read_text()
    return subprocess.CompletedProcess(arguments, status, said, said)


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches the tests, and they end what they started
    for module in (SERVICE, ACCOUNTS, *READ_BEFORE):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin.buffer:
        order = json.loads(line)
        if "ended" in order:
            pid, status = os.waitpid(order["ended"], os.WNOHANG)
            print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), file=answers, flush=True)
        elif pid := os.fork():
            print(json.dumps(pid), file=answers, flush=True)
        else:
            _be(**order)
    return 0


def _be(program: str, arguments: list[str], environment: dict[str, str], output: str) -> None:
    """Become the program; never returns."""
    status = 1
    try:
        os.setsid()
        die_with_parent()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, path, how in (
            (0, os.devnull, os.O_RDONLY),
            (1, output, os.O_WRONLY | os.O_APPEND | os.O_CREAT),
            (2, output, os.O_WRONLY | os.O_APPEND | os.O_CREAT),
        ):
            file = os.open(path, how, 0o644)
            os.dup2(file, number)
            os.close(file)
        os.environ.clear()
        os.environ.update(environment)
        status = importlib.import_module(program).main(arguments)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
