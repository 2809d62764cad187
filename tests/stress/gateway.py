"""The gateway under stress: a separate process, monitored from outside for memory, sockets and its own output.

In: the upstream's URL and settings. Out: a Gateway, which must end cleanly: see `running`.
"""

import json
import re
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.stress.app import INSIDE
from tests.stress.ports import on_a_free_port
from workshop.processes import Process
from workshop.processes import gateway as service

BUILD = "tests.stress.app:build"
MB = 1 << 20

# No limit refuses a request: here every request must reach the upstream.
OPEN_DOORS = {
    "RATE_LIMIT_ANONYMOUS_RPM": "100000000",
    "RATE_LIMIT_RPM": "100000000",
    "RATE_LIMIT_RPH": "100000000",
    "RATE_LIMIT_TPM": "1000000000000",
    "UVICORN_LIMIT_CONCURRENCY": "2000",
    "HTTP_MAX_CONNECTIONS": "1500",
    "TIMEOUT": "100",
}
NO_BREAKER = {"CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000000000", "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0"}

# Words that a process prints about an error that nobody handled.
SIGNS_OF_A_BUG = re.compile(
    rb"Traceback|traceback|never retrieved|never awaited|was destroyed but|a bug:|failed to settle|ASGI|Unclosed|leaked"
)


@dataclass(slots=True, frozen=True)
class Gateway:
    process: Process
    url: str
    log: Path
    printed: Path

    @property
    def _seen(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def memory(self) -> int:
        """Resident memory in bytes."""
        return int(self._seen.memory_info().rss)

    def descriptors(self) -> int:
        return int(self._seen.num_fds())

    def clients(self) -> int:
        """The number of connections from clients, as the gateway sees them."""
        return sum(c.laddr.port == self.port and bool(c.raddr) for c in self._seen.net_connections("tcp"))

    def connections_to(self, port: int) -> int:
        """The number of its connections to an upstream, in any state."""
        return sum(bool(c.raddr) and c.raddr.port == port for c in self._seen.net_connections("tcp"))

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as response:
            return json.load(response)

    def places(self) -> tuple[int, int]:
        """The number of calls that hold a place at the upstream, and of those that wait for one."""
        queue = self.get("/health")["checks"]["admission_queue"]
        return queue["in_use"], queue["waiting"]

    def tasks(self) -> int:
        return int(self.get(INSIDE)["tasks"])

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the request log."""
        return [json.loads(line) for line in self.log.read_bytes().splitlines()]

    def said(self) -> list[bytes]:
        """Its output beside the request log that no service should ever print."""
        operational = (line for line in self.printed.read_bytes().splitlines() if b'"prompt_hash"' not in line)
        return [line[:2000] for line in operational if SIGNS_OF_A_BUG.search(line)]


@contextmanager
def running(upstream: str, folder: Path, *, build: str = BUILD, **settings: str) -> Iterator[Gateway]:
    """The gateway in front of `upstream`. At the end it must stop on request, and must not have printed errors."""
    log, printed = folder / "logs.json", folder / "printed.txt"
    environment = {
        "OPENAI_BASE_URL": f"{upstream}/v1",
        "OPENAI_API_KEY": "",
        "MODEL": "workshop-sim",
        "LOG_FILE": str(log),
        "DATABASE_URL": f"sqlite:///{folder / 'workshop.db'}",
        "REDIS_URL": "",
        "UVICORN_WORKERS": "1",
        **OPEN_DOORS,
        **settings,
    }
    process, url = on_a_free_port(lambda port: service(build, port=port, environment=environment, output=printed))
    try:
        gateway = Gateway(process, url, log, printed)
        yield gateway
        if process.exit_status() is None:
            gateway.tasks()  # so that unhandled errors are printed before the end
    finally:
        process.stop()
    assert not gateway.said(), b"\n".join(gateway.said()[:5]).decode(errors="replace")


class Peak:
    """The gateway's peak memory inside the block, in bytes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.most = self.before = gateway.memory()

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self.most = max(self.most, self._gateway.memory())

    @property
    def grew(self) -> int:
        return self.most - self.before
