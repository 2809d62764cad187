"""One embedded model server for all tests of telemetry."""

from collections.abc import Iterator

import pytest

from workshop.grader.launch import ModelServer, embedded_server
from workshop.grader.upstream import Upstream


@pytest.fixture(scope="package")
def model_server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="package")
def upstream(model_server: ModelServer) -> Iterator[Upstream]:
    """The model server's fault switches and its register of calls."""
    upstream = Upstream(model_server.url, key=model_server.key)
    yield upstream
    upstream.close()
