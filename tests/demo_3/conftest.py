"""One embedded server for all of demo 3's services, and those services, started when the first test asks for one."""

from collections.abc import Iterator

import pytest

from tests.demo_3.checks import CHECKLIST
from tests.grader.stand import ModelServer, embedded_server, started
from tests.services import Start, services


@pytest.fixture(scope="session")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="session")
def service(server: ModelServer) -> Iterator[Start]:
    """The service of a build function; started once, stopped at the end."""
    with services(lambda build: started(build, server, CHECKLIST.environment)) as start:
        yield start
