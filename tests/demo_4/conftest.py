"""One embedded server for all of demo 4's services, and those services, started when the first test asks for one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.demo_4.checks import CHECKLIST
from tests.grader.stand import ModelServer, embedded_server, started
from tests.grader.subject import Subject

Start = Callable[[str], Subject]


@pytest.fixture(scope="session")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="session")
def service(server: ModelServer) -> Iterator[Start]:
    """The service of a build function; started once, stopped at the end."""
    with ExitStack() as running:
        subjects: dict[str, Subject] = {}

        def start(build: str) -> Subject:
            if build not in subjects:
                subjects[build] = running.enter_context(started(build, server, CHECKLIST.environment))
            return subjects[build]

        yield start
