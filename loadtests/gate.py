"""A gate: one condition that a run must meet. Knows nothing of Locust: recorded results can be judged again."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# How many times longer than on a quiet machine an answer may take: 5 for a busy machine.
PATIENCE = float(os.environ.get("LOAD_PATIENCE", "1"))


def seed_or(usual: int) -> int:
    """The seed of this run: LOAD_SEED, or the scenario's own."""
    return int(os.environ.get("LOAD_SEED") or usual)


@dataclass(slots=True, frozen=True)
class Gate:
    """One condition, what was expected and what came."""

    name: str
    passed: bool
    expected: str
    got: str


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The `percent`th percentile of values in ascending order."""
    if len(ordered) == 1:
        return ordered[0]
    return statistics.quantiles(ordered, n=100, method="inclusive")[percent - 1]
