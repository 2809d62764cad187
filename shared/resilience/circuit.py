"""What all circuit breakers have in common: their states and rules, and the results that they are told of.

Knows nothing of how a breaker decides: see breaker.py and adaptive_breaker.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Protocol


class State(StrEnum):
    CLOSED = "closed"  # calls go through
    OPEN = "open"  # no call does
    HALF_OPEN = "half_open"  # a few do: their results decide


class Result(Enum):
    """The result of a call, as a sign of the upstream's health."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEITHER = "neither"  # the client left, or the request itself was wrong


@dataclass(slots=True, frozen=True)
class Rules:
    """The conditions under which a breaker changes its state. Times in seconds."""

    failures: int = 5  # in a row, to open
    min_success_rate: float = 0.5  # of the calls that ended within `window`; below it, the breaker opens too
    window: float = 30.0
    open_for: float = 60.0
    probes: int = 1  # concurrent calls while half-open
    successes: int = 3  # of probes, to close


class CircuitState(Protocol):
    """The breaker that the layer needs."""

    @property
    def state(self) -> State: ...

    def admit(self) -> int | None: ...

    def settle(self, permit: int, result: Result) -> None: ...

    def half_open_in(self) -> float: ...

    def report(self) -> Mapping[str, Any]: ...


MakeBreaker = Callable[[Rules], CircuitState]
