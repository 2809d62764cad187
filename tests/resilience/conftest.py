"""Demo 4 as a separate process, in front of an upstream with switchable faults, with another upstream beside it."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.waiting import wait_for
from workshop.grader.launch import SIMULATOR, ModelServer, embedded_server, started
from workshop.grader.service import Answer
from workshop.grader.subject import Subject
from workshop.grader.upstream import Upstream

BUILD = "demos.demo_4_streaming.app:build"
SMALL = "sim-small"  # the simulator under another name

PATIENCE = 120.0  # seconds for an answer: a test may need a short deadline, but not an impatient client

# Only the subject of a test decides how a call ends.
UNBOUNDED = {
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_TPM": "100000000",
    "RATE_LIMIT_RPH": "1000000",
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "TIMEOUT": "100",
    "TIMEOUT_MAX": "100",
    "QUEUE_TIMEOUT": "100",
    "MAX_RETRIES": "0",
    "RETRY_DELAY": "0.01",
    "FALLBACKS": "",
    "FALLBACK_API_KEYS": "",
}


@dataclass
class Gateway:
    """The service under test; `subject` has its log and its upstream."""

    subject: Subject

    def ask(self, prompt: str = "Hola", *, patience: float = PATIENCE, **fields: Any) -> Answer:
        return self.subject.ask(prompt, patience=patience, **fields)

    def ask_many(self, count: int, at_once: int, **given: Any) -> list[Answer]:
        with ThreadPoolExecutor(at_once) as people:
            return [asked.result() for asked in self.begin(people, count, **given)]

    def begin(self, people: ThreadPoolExecutor, count: int, **given: Any) -> list[Future[Answer]]:
        return [people.submit(self.ask, **given) for _ in range(count)]

    def checks(self) -> Mapping[str, Any]:
        answer = self.subject.service.get("/health")
        assert answer.status == 200, answer.summary
        assert answer.json["status"] == "healthy"
        checks: Mapping[str, Any] = answer.json["checks"]
        return checks

    def breaker(self, name: str = f"primary/{SIMULATOR}") -> Mapping[str, Any]:
        of_one: Mapping[str, Any] = self.checks()["circuit_breakers"]["breakers"][name]
        return of_one

    def wait_until_it_is(self, state: str) -> None:
        wait_for(lambda: self.breaker()["state"] == state, f"the breaker is {state}")

    def places(self) -> tuple[int, int]:
        """The places in use, and the number of waiting calls."""
        queue = self.checks()["admission_queue"]
        return queue["in_use"], queue["waiting"]

    def log_line(self, answer: Answer) -> Mapping[str, Any]:
        [line] = self.subject.log.lines_of(answer)
        return line


def codes(answers: list[Answer]) -> list[str]:
    """The result of each answer: `ok`, or the error's code."""
    return ["ok" if answer.status == 200 else json.loads(answer.text)["error"]["code"] for answer in answers]


@pytest.fixture(scope="package")
def server() -> Iterator[ModelServer]:
    with _embedded() as server:
        yield server


@pytest.fixture(scope="package")
def other(server: ModelServer) -> Iterator[ModelServer]:
    """Another upstream, which demands another key."""
    with _embedded() as other:
        assert other.key != server.key
        yield other


@contextmanager
def _embedded() -> Iterator[ModelServer]:
    with embedded_server(settings={"LOCAL_SERVED_MODEL_NAME": f"{SMALL}={SIMULATOR}"}) as server:
        yield server


@pytest.fixture
def others_calls(other: ModelServer) -> Iterator[Upstream]:
    upstream = Upstream(other.url, key=other.key)
    upstream.forget_calls()
    yield upstream
    upstream.close()


Start = Callable[..., AbstractContextManager[Gateway]]


@pytest.fixture
def start(server: ModelServer) -> Start:
    """Starts a gateway with these settings in addition to the usual ones."""

    @contextmanager
    def starting(**environment: str) -> Iterator[Gateway]:
        with started(BUILD, server, {**UNBOUNDED, **environment}) as subject:
            subject.upstream.clear()
            subject.upstream.forget_calls()
            yield Gateway(subject)

    return starting
