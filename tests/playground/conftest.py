"""A real browser in front of a real demo 4, with the simulator or a scripted upstream behind it; or of a demo 5."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.playground.observed import Observed, observed_demo
from tests.playground.scripted import MODEL, Scripted, scripted_upstream
from tests.playground.visit import PATIENCE, Visit, visiting
from workshop.grader.launch import ModelServer, embedded_server, started
from workshop.grader.subject import Subject

BUILD = "demos.demo_4_streaming.app:build"
# No test meets a limit, a breaker or a deadline by accident, and every fault is visible at once.
ENVIRONMENT = {
    "ENV": "development",
    "API_KEYS_REQUIRED": "false",
    "FALLBACKS": "",
    "RATE_LIMIT_ANONYMOUS_RPM": "10000",
    "RATE_LIMIT_RPM": "10000",
    "RATE_LIMIT_TPM": "10000000",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000",
    "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
    "MAX_RETRIES": "0",
    "TIMEOUT": "100",
}

Start = Callable[..., AbstractContextManager[Subject]]
Visits = Callable[..., AbstractContextManager[Visit]]

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def model_server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="package")
def start(model_server: ModelServer) -> Start:
    """Starts demo 4 with these settings in addition to ENVIRONMENT, in front of the simulator or `server`."""

    def starting(server: ModelServer = model_server, **environment: str) -> AbstractContextManager[Subject]:
        return started(BUILD, server, {**ENVIRONMENT, **environment})

    return starting


@pytest.fixture(scope="package")
def _demo(start: Start) -> Iterator[Subject]:
    with start() as subject:
        yield subject


@pytest.fixture
def demo(_demo: Subject) -> Subject:
    """One service for all tests that need only ENVIRONMENT. Its upstream has no faults and an empty register."""
    _demo.upstream.clear()
    _demo.upstream.forget_calls()
    return _demo


@pytest.fixture
def visits(browser: Browser) -> Visits:
    """Visits a service. At the end the browser must have no complaints, and must have asked no other server."""

    @contextmanager
    def visit_to(subject: Subject, *, refusals: set[int] | None = None, **options: object) -> Iterator[Visit]:
        with visiting(browser, subject.service.url, **options) as visit:  # type: ignore[arg-type]
            yield visit
            assert visit.complaints == []
            assert set(visit.refusals) <= (refusals or set())
            assert [request.url for request in visit.requests if not request.url.startswith(visit.origin)] == []

    return visit_to


@pytest.fixture
def visit(visits: Visits, demo: Subject) -> Iterator[Visit]:
    """The opened page of `demo`."""
    with visits(demo) as visit:
        visit.open()
        yield visit


@pytest.fixture(scope="package")
def _scripted(start: Start) -> Iterator[tuple[Scripted, Subject]]:
    with scripted_upstream() as upstream, start(ModelServer(upstream.url, ""), MODEL=MODEL) as subject:
        yield upstream, subject


@pytest.fixture
def upstream(_scripted: tuple[Scripted, Subject]) -> Scripted:
    _scripted[0].bodies.clear()
    return _scripted[0]


@pytest.fixture
def scripted(visits: Visits, _scripted: tuple[Scripted, Subject]) -> Iterator[Visit]:
    """The opened page of a service in front of `upstream`."""
    with visits(_scripted[1]) as visit:
        visit.open()
        yield visit


@pytest.fixture(scope="package")
def observed(model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    with observed_demo(model_server, ENVIRONMENT, tmp_path_factory.mktemp("observed")) as observed:
        yield observed
