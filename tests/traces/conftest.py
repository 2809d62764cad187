"""One receiver for all tests that can share it, because each looks for its own trace."""

from collections.abc import Iterator

import pytest

from tests.traces.messages import Receiver
from workshop.grader.launch import trace_receiver


@pytest.fixture(scope="package")
def receiver() -> Iterator[Receiver]:
    with trace_receiver() as url:
        yield Receiver(url)
