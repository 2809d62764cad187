"""The breakers, one for each upstream and model, and their reports: log, counter, /health.

Model names come from clients, so the number of breakers is bounded.
"""

import logging
from collections import Counter as Counts
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Gauge

from shared.pipeline.errors import CircuitOpen
from shared.resilience.adaptive_breaker import AdaptiveBreaker
from shared.resilience.circuit import CircuitState, MakeBreaker, Result, Rules, State

log = logging.getLogger(__name__)

MOST_CIRCUITS = 100

# Not by model: a client could make up names while its upstream is down, and a counter never forgets a label.
open_total = Counter("circuit_breaker_open_total", "How often a circuit breaker has opened", ["upstream"])
opens_after = Gauge(
    "gateway_circuit_opens_after",
    "Failures in a row that open an adaptive circuit breaker, at present",
    ["upstream"],
    multiprocess_mode="livemin",
)
open_now = Gauge(
    "gateway_circuits_open", "Circuit breakers that are not closed", ["upstream"], multiprocess_mode="livesum"
)


class Circuit:
    """The breaker of one model at one upstream, counted and logged."""

    def __init__(self, upstream: str, model: str, breaker: CircuitState) -> None:
        self.upstream = upstream
        self.model = model
        self.opened = 0
        self.rejected = 0
        self._breaker = breaker
        self._seen = State.CLOSED
        self._dropped = False
        self._adaptive = breaker if isinstance(breaker, AdaptiveBreaker) else None

    @property
    def name(self) -> str:
        return f"{self.upstream}/{self.model}"

    def look(self) -> State:
        """The state. A change since the last look is logged and counted."""
        state = self._breaker.state
        if state is not self._seen and not self._dropped:
            log.warning("circuit breaker %s: %s, was %s", self.name, state, self._seen)
            open_now.labels(self.upstream).inc((state is not State.CLOSED) - (self._seen is not State.CLOSED))
            self._seen = state
            if state is State.OPEN:
                self.opened += 1
                open_total.labels(self.upstream).inc()
        return state

    def admit(self) -> int:
        """A permit. Raises CircuitOpen."""
        permit = self._breaker.admit()
        state = self.look()
        if permit is None:
            self.rejected += 1
            why = "is being tried again" if state is State.HALF_OPEN else "has failed too often, and is left alone"
            raise CircuitOpen(f"the upstream {why}; try again later", retry_after=self._breaker.half_open_in())
        return permit

    def took(self, seconds: float, tokens: int | None) -> None:
        """How long a whole answer of so many tokens took; None: a stream's first token."""
        if self._adaptive is not None:
            self._adaptive.took(seconds, tokens)

    def settle(self, permit: int, result: Result) -> None:
        self._breaker.settle(permit, result)
        self.look()
        if result is Result.FAILURE:
            self._show_threshold()

    def _show_threshold(self) -> None:
        """At failures, and whenever somebody asks how it is: for each call it would cost more than the breaker."""
        if self._adaptive is not None:
            opens_after.labels(self.upstream).set(self._adaptive.opens_after)

    def settle_late(self, result: Result) -> None:
        """Also count the failure of a call whose permit is already settled."""
        if result is Result.FAILURE and (permit := self._breaker.admit()) is not None:
            self.settle(permit, result)

    def dropped(self) -> None:
        """Only calls in progress still use it, and their results no longer matter."""
        self._dropped = True
        if self._seen is not State.CLOSED:
            open_now.labels(self.upstream).dec()

    def report(self) -> Mapping[str, Any]:
        self._show_threshold()
        return {
            "state": self.look(),
            **self._breaker.report(),
            "opened": self.opened,
            "rejected": self.rejected,
            "half_open_in_s": round(self._breaker.half_open_in(), 3),
        }


class Breakers:
    """At most MOST_CIRCUITS. The least recently used closed one makes room; if none is closed, the oldest does."""

    def __init__(self, rules: Rules, breaker: MakeBreaker) -> None:
        self._rules = rules
        self._breaker = breaker
        self._circuits: OrderedDict[tuple[str, str], Circuit] = OrderedDict()

    def of(self, upstream: str, model: str) -> Circuit:
        key = upstream, model
        circuit = self._circuits.get(key)
        if circuit is None:
            self._make_room()
            circuit = self._circuits[key] = Circuit(upstream, model, self._breaker(self._rules))
        self._circuits.move_to_end(key)
        return circuit

    def forget(self, circuit: Circuit) -> None:
        """Remove a closed circuit whose model does not exist."""
        if circuit.look() is State.CLOSED:
            self._circuits.pop((circuit.upstream, circuit.model), None)

    def reset(self) -> list[str]:
        """Close all that are not closed. Returns their names. Past failures and calls in progress no longer count."""
        tripped = [(key, old) for key, old in self._circuits.items() if old.look() is not State.CLOSED]
        for key, old in tripped:
            log.warning("circuit breaker %s: closed by hand, was %s", old.name, old.look())
            new = self._circuits[key] = Circuit(*key, self._breaker(self._rules))
            new.opened, new.rejected = old.opened, old.rejected
            old.dropped()
        return [old.name for _, old in tripped]

    def report(self) -> Mapping[str, Any]:
        """How many there are in each state, and each by its name."""
        breakers = {circuit.name: circuit.report() for circuit in self._circuits.values()}
        states = Counts(breaker["state"] for breaker in breakers.values())
        return {"total": len(breakers), **{str(state): states[state] for state in State}, "breakers": breakers}

    def _make_room(self) -> None:
        if len(self._circuits) >= MOST_CIRCUITS:
            closed = (key for key, circuit in self._circuits.items() if circuit.look() is State.CLOSED)
            self._circuits.pop(next(closed, next(iter(self._circuits)))).dropped()
