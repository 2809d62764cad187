"""One embedded server and one trace receiver for all of demo 5's services, which start when a test asks for them."""

from collections.abc import Iterator

import pytest

from tests.demo_5.checks import CHECKLIST
from tests.grader.stand import ModelServer, embedded_server, started, trace_receiver
from tests.services import Start, services


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
    with services(lambda build: started(build, server, CHECKLIST.environment, receiver=receiver)) as start:
        yield start
