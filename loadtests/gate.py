"""A gate: one thing that must be true of a run. Knows nothing of Locust: what was recorded can be judged again."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# How many times as long as on a quiet machine an answer may take: 5 for one that has other things to do.
PATIENCE = float(os.environ.get("LOAD_PATIENCE", "1"))


@dataclass(slots=True, frozen=True)
class Gate:
    """One thing that must be true, what was expected and what came."""

    name: str
    passed: bool
    expected: str
    got: str


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The `percent`th percentile of values in ascending order."""
    if len(ordered) == 1:
        return ordered[0]
    return statistics.quantiles(ordered, n=100, method="inclusive")[percent - 1]
