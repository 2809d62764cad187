"""The service of demo 5 as a separate process: its answers, its log and its /metrics.

Its temporary files have their own folder, so that tests see what it leaves there.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.fork_server import gateway
from tests.processes import workers_of
from workshop.grader.callers import Desk
from workshop.grader.exposition import Scrape
from workshop.grader.launch import SIMULATOR, ModelServer
from workshop.grader.service import Service
from workshop.processes import Process, free_port

BUILD = "demos.demo_5_observability.app:build"
PATIENCE = 120.0  # seconds


@dataclass
class Gateway:
    process: Process
    service: Service
    desk: Desk
    log: Path
    temporary: Path

    def scrape(self, **headers: str) -> Scrape:
        # A kept connection would be lost with the worker at its other end.
        return Scrape(self.service.get("/metrics", headers={"Connection": "close", **headers}))

    def count(self, selector: str) -> float:
        return self.scrape().sum(selector)

    def lines(self) -> list[dict[str, Any]]:
        """The request log."""
        return [json.loads(line) for line in self.log.read_bytes().splitlines()] if self.log.exists() else []

    def workers(self) -> list[psutil.Process]:
        return workers_of(self.process.pid)


@contextmanager
def running(server: ModelServer, folder: Path, **settings: str) -> Iterator[Gateway]:
    """A service in front of `server`, without limits on requests unless `settings` set some."""
    desk, log, temporary = Desk(folder), folder / "logs.json", folder / "temporary"
    temporary.mkdir()
    environment = {
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": server.key,
        "MODEL": SIMULATOR,
        "LOG_FILE": str(log),
        "DATABASE_URL": desk.url,
        "REDIS_URL": "",
        "UVICORN_WORKERS": "1",
        "OTLP_ENDPOINT": "",
        "TMPDIR": str(temporary),
        "RATE_LIMIT_RPM": "1000000",
        "RATE_LIMIT_RPH": "1000000",
        "RATE_LIMIT_TPM": "100000000",
        "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
        "TIMEOUT": "100",
        "TIMEOUT_MAX": "100",
        "MAX_RETRIES": "1",
        "RETRY_DELAY": "0.01",
        "RETRY_BUDGET_RESERVE": "1000",
        "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000",
        "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
        **settings,
    }
    port = free_port()
    with gateway(BUILD, port=port, environment=environment, output=folder / "printed.txt") as process:
        service = Service(f"http://127.0.0.1:{port}", patience=PATIENCE)
        try:
            yield Gateway(process, service, desk, log, temporary)
        finally:
            service.close()
