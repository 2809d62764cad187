"""One embedded server and one trace receiver for all of demo 5's services, which start when a test asks for them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.demo_5.checks import CHECKLIST
from tests.grader.stand import ModelServer, embedded_server, started, trace_receiver
from tests.grader.subject import Subject

Start = Callable[[str], Subject]


@pytest.fixture(scope="session")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="session")
def receiver() -> Iterator[str]:
    with trace_receiver() as url:
        yield url


@pytest.fixture(scope="session")
def service(server: ModelServer, receiver: str) -> Iterator[Start]:
    """The service of a build function; started once, stopped at the end."""
    with ExitStack() as running:
        subjects: dict[str, Subject] = {}

        def start(build: str) -> Subject:
            if build not in subjects:
                subject = started(build, server, CHECKLIST.environment, receiver=receiver)
                subjects[build] = running.enter_context(subject)
            return subjects[build]

        yield start
