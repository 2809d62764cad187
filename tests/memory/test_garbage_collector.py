"""A service is built so that Python's garbage collector leaves alone what lives as long as the process."""

import gc
from collections.abc import Iterator

import pytest

from shared.server import GENERATIONS, YOUNG_OBJECTS, _build
from shared.settings import Settings


@pytest.fixture
def usual_collector() -> Iterator[None]:
    """Python's own thresholds, and nothing frozen; the tests that follow find what they had."""
    before = gc.get_threshold()
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_the_objects_of_the_start_are_frozen_and_the_collector_runs_less_often(usual_collector: None) -> None:
    _build("demos.demo_1_guarded.app:build", Settings())
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == (YOUNG_OBJECTS, *GENERATIONS)
    assert YOUNG_OBJECTS > 10_000
