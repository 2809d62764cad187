"""One embedded server for all of demo 1's services, and those services, started when the first test asks for one."""

from collections.abc import Iterator

import pytest

from tests.grader.stand import MORE_NAMES, ModelServer, embedded_server, started
from tests.services import Start, services


@pytest.fixture(scope="session")
def server() -> Iterator[ModelServer]:
    with embedded_server(settings=MORE_NAMES) as server:
        yield server


@pytest.fixture(scope="session")
def service(server: ModelServer) -> Iterator[Start]:
    """The service of a build function; started once, stopped at the end."""
    with services(lambda build: started(build, server, {})) as start:
        yield start
