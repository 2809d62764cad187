"""Every test that uses `client` runs with each of the five, and a test that uses `stack` runs on each server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance import stacks
from tests.conformance.clients import COMMANDS, Client, started
from tests.conformance.stacks import Stack


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*abilities): what the stack must be able to do, see stacks.py")
    config.addinivalue_line("markers", "clients(*names): which clients can be asked for it; all, if it is not said")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Removes tests of abilities that a client does not have, instead of skipping them."""
    for item in list(items):
        marker, call = item.get_closest_marker("clients"), getattr(item, "callspec", None)
        if marker and call and call.params.get("client", marker.args[0]) not in marker.args:
            items.remove(item)


@pytest.fixture(scope="package", params=stacks.chosen())
def running_stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    with stacks.STACKS[request.param]() as stack:
        yield stack


@pytest.fixture
def stack(running_stack: Stack, request: pytest.FixtureRequest) -> Stack:
    marker = request.node.get_closest_marker("needs")
    if lacking := set(marker.args if marker else ()) - running_stack.abilities:
        pytest.skip(f"this stack has no {', '.join(sorted(lacking))}")
    if running_stack.upstream is not None:
        running_stack.upstream.clear()
        running_stack.upstream.forget_calls()
    return running_stack


# One client for every change; all five in `make prove`.
EVERY = [pytest.param(name, marks=[] if name == "openai" else pytest.mark.prove) for name in COMMANDS]


@pytest.fixture(scope="package", params=EVERY)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    client = started(request.param)
    yield client
    client.stop()
