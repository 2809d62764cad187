"""The breaker alone: its states by table, and random events against a slow, obvious model."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from shared.resilience.breaker import FEWEST_CALLS, Breaker
from shared.resilience.circuit import Result, Rules, State
from shared.resilience.recent_calls import MOST_CALLS, RecentCalls
from tests.resilience.clock import Clock

GOOD, BAD, NEITHER = Result.SUCCESS, Result.FAILURE, Result.NEITHER
RULES = Rules(failures=3, min_success_rate=0.5, window=30, open_for=60, probes=2, successes=2)


def end(breaker: Breaker, *results: Result) -> None:
    """Makes calls one after the other, which end with these results."""
    for result in results:
        permit = breaker.admit()
        assert permit is not None
        breaker.settle(permit, result)


def open_breaker(clock: Clock, rules: Rules = RULES) -> Breaker:
    breaker = Breaker(rules, clock)
    end(breaker, *[BAD] * rules.failures)
    return breaker


def half_open_breaker(clock: Clock, rules: Rules = RULES) -> Breaker:
    breaker = open_breaker(clock, rules)
    clock.pass_(rules.open_for)
    return breaker


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ([], State.CLOSED),
        ([BAD, BAD], State.CLOSED),
        ([BAD, BAD, BAD], State.OPEN),
        ([BAD, BAD, GOOD, BAD, BAD], State.CLOSED),
        ([BAD, BAD, NEITHER, BAD], State.OPEN),
        ([NEITHER] * 50, State.CLOSED),
    ],
)
def test_enough_failures_in_a_row_open_it(results: list[Result], state: State) -> None:
    breaker = Breaker(RULES, Clock())
    end(breaker, *results)
    assert breaker.state is state


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ([GOOD, BAD] * 20, State.CLOSED),  # exactly half, which is not too few
        ([GOOD, BAD, BAD] * 6, State.CLOSED),  # eighteen calls are too few to judge
        ([GOOD, BAD, BAD] * 6 + [GOOD, BAD], State.OPEN),
    ],
)
def test_too_small_a_share_of_successes_opens_it_too(results: list[Result], state: State) -> None:
    breaker = Breaker(RULES, Clock())
    end(breaker, *results)
    assert breaker.state is state


def test_calls_outside_of_the_window_do_not_count() -> None:
    clock = Clock()
    breaker = Breaker(RULES, clock)
    end(breaker, *[GOOD, BAD, BAD] * 6)
    clock.pass_(RULES.window)
    end(breaker, GOOD, BAD)
    assert breaker.state is State.CLOSED
    assert breaker.report()["calls"] == 2


def test_an_open_breaker_lets_no_call_through_until_its_wait_is_over() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    clock.pass_(RULES.open_for - 0.001)
    assert breaker.admit() is None
    assert breaker.half_open_in() == pytest.approx(0.001)
    clock.pass_(0.001)
    assert breaker.admit() is not None
    assert breaker.half_open_in() == 0


def test_a_half_open_breaker_lets_only_its_probes_through() -> None:
    breaker = half_open_breaker(Clock())
    permits = [breaker.admit() for _ in range(50)]
    assert len([permit for permit in permits if permit is not None]) == RULES.probes


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ([GOOD], State.HALF_OPEN),
        ([GOOD, GOOD], State.CLOSED),
        ([BAD], State.OPEN),
        ([GOOD, BAD], State.OPEN),
        ([NEITHER, NEITHER, NEITHER], State.HALF_OPEN),  # each returned its permit
        ([GOOD, NEITHER, GOOD], State.CLOSED),
    ],
)
def test_probes_close_or_reopen_it(results: list[Result], state: State) -> None:
    breaker = half_open_breaker(Clock())
    end(breaker, *results)
    assert breaker.state is state


def test_a_failed_probe_restarts_the_whole_wait() -> None:
    clock = Clock()
    breaker = half_open_breaker(clock)
    end(breaker, BAD)
    assert breaker.half_open_in() == RULES.open_for


def test_once_closed_the_past_is_forgotten() -> None:
    breaker = half_open_breaker(Clock())
    end(breaker, GOOD, GOOD)
    assert breaker.report() == {"failures_in_a_row": 0, "calls": 0, "success_rate": None}
    end(breaker, BAD, BAD)
    assert breaker.state is State.CLOSED


def test_a_call_from_before_a_change_of_state_does_not_count() -> None:
    clock = Clock()
    breaker = Breaker(RULES, clock)
    slow = [breaker.admit() for _ in range(4)]
    end(breaker, BAD, BAD, BAD)
    clock.pass_(RULES.open_for)
    assert breaker.state is State.HALF_OPEN
    for permit, result in zip(slow, [BAD, GOOD, GOOD, NEITHER], strict=True):
        assert permit is not None
        breaker.settle(permit, result)
    assert breaker.state is State.HALF_OPEN
    assert len([permit for permit in [breaker.admit() for _ in range(9)] if permit is not None]) == RULES.probes


def test_a_probe_from_before_a_change_of_state_returns_no_second_permit() -> None:
    clock = Clock()
    breaker = half_open_breaker(clock)
    slow = breaker.admit()
    assert slow is not None
    end(breaker, BAD)
    clock.pass_(RULES.open_for)
    assert [breaker.admit() is None for _ in range(3)] == [False, False, True]
    breaker.settle(slow, NEITHER)
    assert breaker.admit() is None


def test_a_window_remembers_a_bounded_number_of_calls() -> None:
    recent = RecentCalls(30)
    for number in range(3 * MOST_CALLS):
        recent.add(number / 1e6, success=number % 2 == 0)
    assert recent.calls(0.01) == MOST_CALLS
    assert recent.success_rate == 0.5


# --- at random ---------------------------------------------------------------------------------------------------


class Obvious:
    """The same rules, written with plain lists that are read from the beginning each time."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self.rules, self.clock = rules, clock
        self.state = State.CLOSED
        self.since = clock.now
        self.ended: list[tuple[float, Result]] = []  # since it was closed
        self.probes: list[Result] = []  # since it was half-open
        self.under_way: list[object] = []  # calls of this state

    def look(self) -> State:
        if self.state is State.OPEN and self.clock.now - self.since >= self.rules.open_for:
            self.change(State.HALF_OPEN)
        return self.state

    def change(self, state: State) -> None:
        self.state, self.since = state, self.clock.now
        self.probes, self.under_way = [], []
        if state is State.CLOSED:
            self.ended = []

    def admit(self) -> object | None:
        state = self.look()
        if state is State.OPEN or (state is State.HALF_OPEN and len(self.under_way) >= self.rules.probes):
            return None
        self.under_way.append(call := object())
        return call

    def settle(self, call: object, result: Result) -> None:
        if call not in self.under_way:
            return
        self.under_way.remove(call)
        if result is NEITHER:
            return
        if self.state is State.HALF_OPEN:
            self.probes.append(result)
            if result is BAD:
                self.change(State.OPEN)
            elif self.probes.count(GOOD) >= self.rules.successes:
                self.change(State.CLOSED)
            return
        self.ended.append((self.clock.now, result))
        if result is BAD and (self.in_a_row() >= self.rules.failures or self.rate_is_low()):
            self.change(State.OPEN)

    def in_a_row(self) -> int:
        results = [result for _, result in self.ended]
        return next((count for count, result in enumerate(reversed(results)) if result is GOOD), len(results))

    def recent(self) -> list[Result]:
        return [result for at, result in self.ended if self.clock.now - at < self.rules.window]

    def rate_is_low(self) -> bool:
        recent = self.recent()
        return len(recent) >= FEWEST_CALLS and recent.count(GOOD) / len(recent) < self.rules.min_success_rate


def random_rules(chance: random.Random) -> Rules:
    return Rules(
        failures=chance.choice([2, 5, 1000]),
        min_success_rate=chance.choice([0.25, 0.5, 0.9]),
        window=chance.choice([8, 32]),
        open_for=chance.choice([4, 16]),
        probes=chance.choice([1, 3]),
        successes=chance.choice([1, 3]),
    )


def test_in_random_runs_it_follows_the_rules() -> None:
    changes = Counter(change for seed in range(60) for change in walk(seed))
    assert min(changes[was, now] for was, now in POSSIBLE) > 50  # fewer would prove little
    assert set(changes) == POSSIBLE


POSSIBLE = {
    (State.CLOSED, State.OPEN),
    (State.OPEN, State.HALF_OPEN),
    (State.HALF_OPEN, State.OPEN),
    (State.HALF_OPEN, State.CLOSED),
}


def walk(seed: int) -> Iterator[tuple[State, State]]:
    """Sends a breaker and its model through the same two thousand events. Yields the changes of state."""
    chance, clock = random.Random(seed), Clock()
    rules = random_rules(chance)
    breaker, obvious = Breaker(rules, clock), Obvious(rules, clock)
    under_way: list[tuple[int, object]] = []
    ill, was = 0.5, State.CLOSED
    for _ in range(2000):
        if chance.random() < 0.01:
            ill = chance.choice([0.0, 0.1, 0.6, 1.0])
        if chance.random() < 0.4:
            clock.pass_(chance.choice([0.125, 0.125, 0.125, 1, 8]))
        if chance.random() < 0.5 or not under_way:
            permit, call = breaker.admit(), obvious.admit()
            assert (permit is None) == (call is None), f"seed {seed}"
            if permit is not None and call is not None:
                under_way.append((permit, call))
        else:
            permit, call = under_way.pop(chance.randrange(len(under_way)))
            result = NEITHER if chance.random() < 0.1 else BAD if chance.random() < ill else GOOD
            breaker.settle(permit, result)
            obvious.settle(call, result)
        assert breaker.state is obvious.look(), f"seed {seed}"
        if obvious.state is State.CLOSED:
            report = breaker.report()
            assert (report["failures_in_a_row"], report["calls"]) == (obvious.in_a_row(), len(obvious.recent()))
        if obvious.state is not was:
            yield was, obvious.state
            was = obvious.state
