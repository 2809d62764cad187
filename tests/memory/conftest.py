"""Services that watch their memory, as separate processes in front of the simulator."""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.waiting import wait_for
from workshop.grader.launch import ModelServer, embedded_server, started
from workshop.grader.service import Answer
from workshop.grader.subject import Subject

LEAKING = "tests.memory.app:build"
DEMO_5 = "demos.demo_5_observability.app:build"
GENEROUS = {
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_TPM": "100000000",
    "RATE_LIMIT_RPH": "1000000",
    "MAX_RETRIES": "0",
    "TIMEOUT": "100",
    "OTLP_ENDPOINT": "",
}

Said = list[Mapping[str, Any]]

numbers = itertools.count()


@dataclass
class Gateway:
    """The service under test; `subject` has its log and its upstream."""

    subject: Subject

    def ask(self, *, leak_kb: int = 0, **fields: Any) -> Answer:
        """Asks with a prompt that has not been sent before."""
        headers = {"X-Leak-KB": str(leak_kb)} if leak_kb else {}
        return self.subject.ask(f"What leaks, take {next(numbers)}?", headers=headers, **{"temperature": 0, **fields})

    def health(self) -> Mapping[str, Any]:
        answer = self.subject.service.get("/health")
        assert answer.status == 200, answer.summary
        health: Mapping[str, Any] = answer.json
        return health

    def check(self, name: str) -> Mapping[str, Any]:
        check: Mapping[str, Any] = self.health()["checks"][name]
        return check

    def state(self) -> str:
        state: str = self.check("memory")["state"]
        return state

    def wait_until_memory_is(self, state: str) -> None:
        wait_for(lambda: self.state() == state, f"memory is {state}")

    def metric(self, name: str) -> float:
        """The sum of the metric's samples; `name` may contain labels, as in the text."""
        text = self.subject.service.get("/metrics").text
        return sum(map(float, re.findall(rf"^{re.escape(name)}(?:{{.*}})? (\S+)$", text, re.MULTILINE)))

    def wait_until_said(self, event: str, enough: Callable[[Said], object] = bool) -> Said:
        """The log's lines about `event`, once they are enough: an effect is visible before its line is written."""
        wait_for(lambda: enough(self.said(event)), lambda: f"{event}: {self.said(event)}")
        return self.said(event)

    def said(self, event: str) -> Said:
        """The operational log's lines about `event`, so far."""
        lines = (_object(line) for line in self.subject.log.text().splitlines())
        return [line for line in lines if line.get("event") == event]


def _object(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


Start = Callable[..., AbstractContextManager[Gateway]]


@pytest.fixture(scope="package")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="package")
def start(server: ModelServer) -> Start:
    """Starts a service with these settings in addition to the usual ones."""

    @contextmanager
    def starting(build: str = DEMO_5, **environment: str) -> Iterator[Gateway]:
        with started(build, server, {**GENEROUS, **environment}) as subject:
            subject.upstream.clear()
            yield Gateway(subject)

    return starting


@pytest.fixture(scope="package")
def _demo_5(start: Start) -> Iterator[Gateway]:
    with start() as gateway:
        yield gateway


@pytest.fixture
def demo_5(_demo_5: Gateway) -> Gateway:
    """One demo 5 for all tests that need only its defaults."""
    _demo_5.subject.upstream.clear()
    return _demo_5
