"""The adaptive breaker against generated and recorded traffic, beside the breaker with fixed rules.

recorded/upstream.txt has 2,860 calls to the embedded model, by eight callers at once. Usually it fails one in twenty
and takes more than a second for one in fifty; then it fails every second call; then it is well; then all are slow.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.resilience.adaptive_breaker import FEWEST_IN_A_ROW, FIRST_CALLS, AdaptiveBreaker
from shared.resilience.breaker import Breaker
from shared.resilience.change import FEWEST, MOST, by_chance
from shared.resilience.circuit import Result, Rules, State
from tests.resilience.clock import Clock

RECORDED = Path(__file__).with_name("recorded") / "upstream.txt"
RULES = Rules()
BETWEEN = 0.05  # seconds between two calls


def calls(breaker: Breaker, clock: Clock, share: float, seed: int, most: int) -> int:
    """Calls of which this share fails, until the breaker opens; how many there were, or `most`."""
    chance = random.Random(seed)
    for number in range(1, most + 1):
        clock.pass_(BETWEEN)
        permit = breaker.admit()
        assert permit is not None
        breaker.settle(permit, Result.FAILURE if chance.random() < share else Result.SUCCESS)
        if breaker.state is State.OPEN:
            return number
    return most


def made(kind: type[Breaker]) -> tuple[Breaker, Clock]:
    clock = Clock()
    return kind(RULES, clock), clock


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.2])
def test_what_an_upstream_always_does_never_opens_it(share: float) -> None:
    breaker, clock = made(AdaptiveBreaker)
    assert calls(breaker, clock, share, seed=1, most=60_000) == 60_000
    assert breaker.state is State.CLOSED


def test_the_fixed_rules_open_on_an_upstream_that_always_fails_a_fifth() -> None:
    breaker, clock = made(Breaker)
    assert calls(breaker, clock, 0.2, seed=1, most=60_000) < 20_000


@pytest.mark.parametrize(("usual", "collapse"), [(0.0, 1.0), (0.01, 1.0), (0.01, 0.6), (0.01, 0.4), (0.05, 0.4)])
def test_a_collapse_opens_it_sooner_than_the_fixed_rules(usual: float, collapse: float) -> None:
    def delays(kind: type[Breaker]) -> Iterator[int]:
        for seed in range(15):
            breaker, clock = made(kind)
            assert calls(breaker, clock, usual, seed, most=2000) == 2000
            yield calls(breaker, clock, collapse, seed + 1000, most=20_000)

    adaptive, fixed = sum(delays(AdaptiveBreaker)), sum(delays(Breaker))
    assert adaptive < fixed


def test_ten_times_the_usual_failures_are_no_collapse_if_they_are_still_few() -> None:
    breaker, clock = made(AdaptiveBreaker)
    calls(breaker, clock, 0.01, seed=1, most=2000)
    assert calls(breaker, clock, 0.1, seed=2, most=1000) == 1000


def test_it_begins_with_the_threshold_of_the_rules() -> None:
    for failures in (4, 5, 8):
        assert AdaptiveBreaker(Rules(failures=failures), Clock()).opens_after == failures


def test_its_threshold_follows_the_upstream_within_bounds() -> None:
    seen = []
    for share in (0.0, 0.05, 0.2, 0.45):
        breaker, clock = made(AdaptiveBreaker)
        calls(breaker, clock, share, seed=2, most=20_000)
        assert isinstance(breaker, AdaptiveBreaker)
        seen.append(breaker.opens_after)
    assert seen == sorted(seen)
    assert seen[0] == max(FEWEST_IN_A_ROW, by_chance(FEWEST, 1e7)) < RULES.failures < seen[-1]
    assert seen[-1] <= by_chance(MOST, 1e7)


def test_an_upstream_that_mostly_fails_opens_it_however_usual_that_is() -> None:
    breaker, clock = made(AdaptiveBreaker)
    assert calls(breaker, clock, 0.6, seed=1, most=20_000) < 100


# --- slow calls ------------------------------------------------------------------------------------------------------


def streams(breaker: AdaptiveBreaker, clock: Clock, seconds: float, count: int) -> int:
    """Streams with this time to the first token, until the breaker opens; how many there were, or `count`."""
    for number in range(1, count + 1):
        clock.pass_(BETWEEN)
        permit = breaker.admit()
        assert permit is not None
        breaker.took(seconds, None)
        breaker.settle(permit, Result.SUCCESS)
        if breaker.state is State.OPEN:
            return number
    return count


def test_calls_that_become_much_slower_open_it() -> None:
    clock = Clock()
    breaker = AdaptiveBreaker(RULES, clock)
    assert streams(breaker, clock, 0.4, 500) == 500
    assert streams(breaker, clock, 4.0, 100) < 12


@pytest.mark.parametrize(("usual", "now"), [(0.4, 1.0), (0.01, 0.9), (4.0, 15.0)])
def test_somewhat_slower_or_still_fast_is_not_slow(usual: float, now: float) -> None:
    clock = Clock()
    breaker = AdaptiveBreaker(RULES, clock)
    streams(breaker, clock, usual, 500)
    assert streams(breaker, clock, now, 500) == 500


def test_nothing_is_slow_before_the_usual_time_is_known() -> None:
    clock = Clock()
    breaker = AdaptiveBreaker(RULES, clock)
    assert streams(breaker, clock, 0.1, FIRST_CALLS - 1) == FIRST_CALLS - 1
    assert breaker.report()["slow_first_token_s"] is None
    assert streams(breaker, clock, 30.0, 1) == 1
    assert breaker.state is State.CLOSED


def test_a_long_answer_may_take_longer() -> None:
    clock = Clock()
    breaker = AdaptiveBreaker(RULES, clock)
    for tokens in [10, 200, 1000] * 100:
        permit = breaker.admit()
        assert permit is not None
        breaker.took(0.02 * (20 + tokens), tokens)
        breaker.settle(permit, Result.SUCCESS)
    assert breaker.state is State.CLOSED


def test_an_upstream_that_is_slower_for_good_opens_it_once() -> None:
    clock = Clock()
    breaker = AdaptiveBreaker(RULES, clock)
    streams(breaker, clock, 0.4, 500)
    assert streams(breaker, clock, 4.0, 100) < 12
    clock.pass_(RULES.open_for)
    assert streams(breaker, clock, 4.0, 3000) == 3000
    assert breaker.state is State.CLOSED


# --- recorded traffic ------------------------------------------------------------------------------------------------


def openings(breaker: Breaker, clock: Clock) -> list[tuple[str, int]]:
    """The phases of the recording in which the breaker opened, and after how many of its calls."""
    found: list[tuple[str, int]] = []
    phase, number = "", 0
    between = RULES.open_for / 400  # so that it is closed again before the next phase
    for line in RECORDED.read_text().splitlines():
        now, how, *numbers = line.split()
        phase, number = now, number + 1 if now == phase else 1
        clock.pass_(between)
        permit = breaker.admit()
        if permit is None:
            continue
        if numbers and isinstance(breaker, AdaptiveBreaker):
            breaker.took(float(numbers[0]), int(numbers[1]) if how == "whole" else None)
        breaker.settle(permit, Result.FAILURE if how == "failed" else Result.SUCCESS)
        if breaker.state is State.OPEN:
            found.append((now, number))
    return found


def test_recorded_traffic_opens_it_when_the_upstream_collapses_and_when_it_hangs() -> None:
    [(first, collapsed), (second, slow)] = openings(*made(AdaptiveBreaker))
    assert (first, second) == ("collapse", "slow")
    assert collapsed < 10
    assert slow < 20


def test_the_fixed_rules_see_no_slow_call_and_open_again_while_the_recorded_upstream_is_as_usual() -> None:
    assert [phase for phase, _ in openings(*made(Breaker))] == ["collapse", "well"]
