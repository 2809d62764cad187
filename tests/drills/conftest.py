"""All drills run at once, each on its own ports, because they mostly wait for Prometheus's alerts."""

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.frame.conftest import demo_port
from tests.waiting import wait_for
from workshop.drills.catalogue import DRILLS
from workshop.drills.evidence import FIRED
from workshop.processes import ROOT, Process
from workshop.sidecars import PROMETHEUS_PORT_OFFSET

CALM_SECONDS = 8
SLACK = 5.0  # seconds for the fault to spread
PATIENCE = 150.0  # seconds until an alert fires


@dataclass(slots=True, frozen=True)
class Fire:
    """A running drill."""

    name: str
    port: int
    folder: Path
    began: float = field(default_factory=time.monotonic)

    @property
    def printed(self) -> str:
        return (self.folder / "printed.txt").read_text()

    def lines(self, seconds: float) -> list[dict[str, Any]]:
        """The request log's lines of the last `seconds`."""
        lines = [json.loads(line) for line in (self.folder / "logs.json").read_text().splitlines()[:-1]]
        return [line for line in lines if line["timestamp"] > time.time() - seconds]

    def fired(self) -> set[str]:
        """All alerts that have fired so far, including those that are over."""
        query = urllib.parse.urlencode({"query": FIRED})
        url = f"http://127.0.0.1:{self.port + PROMETHEUS_PORT_OFFSET}/api/v1/query?{query}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return {alert["metric"]["alertname"] for alert in json.load(response)["data"]["result"]}

    def wait_until_fired(self, alerts: frozenset[str]) -> None:
        def missing() -> str:
            return f"{self.name}: only {sorted(self.fired())} fired, and not {alerts}"

        wait_for(lambda: alerts <= self.fired(), missing, seconds=PATIENCE, poll=0.5)

    def wait_until_burning_for(self, seconds: float) -> None:
        """Until the time before the fault is out of the questions' window."""
        until = self.began + CALM_SECONDS + SLACK + seconds
        wait_for(
            lambda: time.monotonic() >= until, f"{self.name} has burnt for long enough", seconds=PATIENCE, poll=0.1
        )

    def answered(self, answers: str) -> tuple[int, str]:
        """The number of right answers, and the command's output."""
        done = subprocess.run(
            ["make", "-s", "drill-answer", f"ANSWERS={answers}", f"PORT={self.port}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        score = re.search(r"^Score: (\d+)/\d+$", done.stdout, re.MULTILINE)
        assert score, done.stdout + done.stderr
        return int(score[1]), done.stdout


@pytest.fixture(scope="package")
def fires(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Fire]]:
    ports = {name: demo_port() for name in DRILLS}
    folders = {name: tmp_path_factory.mktemp(name) for name in DRILLS}  # the first call is not thread-safe
    with ExitStack() as running, ThreadPoolExecutor(len(DRILLS)) as pool:

        def start(name: str) -> Fire:
            port, folder = ports[name], folders[name]
            process = Process(
                name=f"make drill-{name}",
                command=["make", f"drill-{name}", f"PORT={port}", f"CALM={CALM_SECONDS}"],
                ready_url=f"http://127.0.0.1:{port}/ready",
                environment={
                    "LOG_FILE": str(folder / "logs.json"),
                    "DATABASE_URL": f"sqlite:///{folder / 'workshop.db'}",
                },
                output=folder / "printed.txt",
            )
            running.enter_context(process)
            wait_until_told(folder / "printed.txt")
            return Fire(name, port, folder)

        yield {fire.name: fire for fire in pool.map(start, DRILLS)}


def wait_until_told(printed: Path) -> None:
    """Until all parts of a drill run, and its users ask."""
    wait_for(lambda: "Ctrl-C stops everything" in printed.read_text(), printed.read_text, seconds=PATIENCE)
