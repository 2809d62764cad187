"""A gateway with a cache, as a separate process in front of the simulator, whose calls are counted."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.leaving import asking
from tests.waiting import wait_for
from workshop.grader.launch import SIMULATOR, ModelServer, embedded_server, started
from workshop.grader.service import Answer
from workshop.grader.subject import Subject

numbers = itertools.count()


def new_prompt() -> str:
    """A prompt that has not been sent before."""
    return f"What is a cache, take {next(numbers)}?"


@dataclass
class Gateway:
    """The service under test; `subject` has its log and its upstream."""

    subject: Subject

    def ask(
        self,
        prompt: str,
        *,
        path: str = "/generate",
        caller: str = "ana",
        control: str = "",
        patience: float | None = None,
        **fields: Any,
    ) -> Answer:
        """POST at temperature 0 unless `fields` say otherwise."""
        document = {"prompt": prompt, "temperature": 0, "max_tokens": 20, **fields}
        if path == "/summarize":
            document = {"text": prompt, **fields}
        headers = {"X-Caller": caller} | ({"Cache-Control": control} if control else {})
        return self.subject.service.request(
            "POST",
            path,
            body=json.dumps(document),
            headers={"Content-Type": "application/json", **headers},
            patience=patience,
        )

    def cache_of(self, answer: Answer) -> str:
        assert answer.status == 200, answer.summary
        return answer.headers["x-cache"]

    def sees(self, prompt: str, **given: Any) -> str:
        """The X-Cache header of the answer to `prompt`."""
        return self.cache_of(self.ask(prompt, **given))

    def at_once(self, count: int, ask: Callable[[], Answer], *, calls: int = 1, **fault: Any) -> list[Answer]:
        """`count` concurrent requests: the upstream answers once all wait, and `calls` of them have reached it."""
        with self.subject.upstream.held(**fault) as gate, ThreadPoolExecutor(count) as people:
            asked = [people.submit(ask) for _ in range(count)]
            gate.wait_for(calls, unless=lambda: any(one.done() for one in asked))
            if calls < count:
                wait_for(lambda: self.aboard() == count, f"{count} calls wait for an answer")
            assert self.subject.upstream.register()["received"] == calls
            gate.release()
            return [one.result() for one in asked]

    def leaving(self, prompt: str) -> AbstractContextManager[object]:
        """Asks like `ask`, and leaves at the end of the `with` block."""
        document = {"prompt": prompt, "temperature": 0, "max_tokens": 20}
        return asking(self.subject.service.url, "/generate", document, {"X-Caller": "ana"})

    def aboard(self) -> int:
        """The number of calls that wait for a flight."""
        return int(self.subject.service.get("/aboard").json["calls"])

    def log_line(self, answer: Answer) -> dict[str, Any]:
        [line] = self.subject.log.lines_of(answer)
        return line

    def statistics(self, cache: str = "responses") -> dict[str, Any]:
        answer = self.subject.service.get("/cache/stats")
        assert answer.status == 200, answer.summary
        statistics: dict[str, Any] = answer.json[cache]
        return statistics


Start = Callable[..., AbstractContextManager[Gateway]]


@pytest.fixture(scope="package")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="package")
def start(server: ModelServer) -> Start:
    """Starts a gateway with these settings in addition to the usual ones."""

    @contextmanager
    def starting(**environment: str) -> Iterator[Gateway]:
        with started("tests.cache.app:build", server, _only_ours(environment)) as subject:
            yield Gateway(subject)

    return starting


@pytest.fixture(scope="package")
def _gateway(start: Start) -> Iterator[Gateway]:
    with start() as gateway:
        yield gateway


@pytest.fixture
def gateway(_gateway: Gateway) -> Gateway:
    """One gateway for all tests that need only its defaults. Its upstream has no faults and an empty register."""
    _gateway.subject.upstream.clear()
    _gateway.subject.upstream.forget_calls()
    return _gateway


def _only_ours(environment: Mapping[str, str]) -> dict[str, str]:
    unset = {"REDIS_URL": "", "CACHE_BACKEND": "", "CACHE_SCOPE": "", "CACHE_SAMPLED": "", "CACHE_RESPONSES_TTL": ""}
    return {**unset, "MODEL": SIMULATOR, "TIMEOUT": "100", **environment}
