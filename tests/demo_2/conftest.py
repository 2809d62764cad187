"""One embedded server and one desk for all of demo 2's services; a service is started when the first test wants it."""

from collections.abc import Iterator

import pytest

from tests.demo_2.checks import CHECKLIST
from tests.grader.callers import Desk
from tests.grader.stand import ModelServer, embedded_server, started
from tests.services import Start, services


@pytest.fixture(scope="session")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="session")
def service(server: ModelServer, desk: Desk) -> Iterator[Start]:
    """The service of a build function, with short windows; started once, stopped at the end."""
    with services(lambda build: started(build, server, CHECKLIST.environment, desk)) as start:
        yield start
