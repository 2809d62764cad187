"""The sliding windows, in memory and in Redis, against their promises and against a count by hand."""

import random
from dataclasses import dataclass

import pytest

from shared.limits.allowance import HOUR, SECOND, Limits
from shared.limits.window import NEVER, AdmissionLog
from tests.limits.conftest import Play
from tests.limits.counts import Answer, Counts

MILLISECOND = SECOND // 1000
ROOMY = 10**9


def limits(*, requests: int = ROOMY, window: int = 60 * SECOND, hourly: int = ROOMY, tokens: int = ROOMY) -> Limits:
    return Limits(requests, window, hourly, tokens)


@dataclass
class Admission:
    at: int
    tokens: int


def most_in_any_window(times: list[int], span: int) -> int:
    """By hand: the count of the fullest window that starts at an admission. No other window holds more."""
    return max((sum(start <= at < start + span for at in times) for start in times), default=0)


@pytest.mark.parametrize("seed", range(6))
def test_no_window_wherever_it_starts_holds_more_than_its_limit(play: Play, seed: int) -> None:
    chance = random.Random(seed)
    few = limits(requests=chance.randint(1, 12), window=chance.randint(1, 5) * SECOND, hourly=chance.randint(20, 60))
    admitted: list[int] = []

    async def scenario(counts: Counts) -> None:
        for _ in range(600):
            counts.clock.now += int(chance.expovariate(1 / (few.window / few.requests / 2)))
            if chance.random() < 0.01:
                counts.clock.now += HOUR // 3
            if (await counts.admit(few)).reading.admitted:
                admitted.append(counts.clock.now)

    play(scenario)
    assert most_in_any_window(admitted, few.window) == few.requests, "never over, and the whole limit is usable"
    assert most_in_any_window(admitted, HOUR) <= few.hourly


@pytest.mark.parametrize("seed", range(4))
def test_decisions_are_those_of_a_count_by_hand(play: Play, seed: int) -> None:
    chance = random.Random(seed)
    few = limits(requests=20, window=2 * SECOND, hourly=150, tokens=1000)
    by_hand: list[Admission] = []
    open_calls: list[tuple[Answer, Admission]] = []

    async def scenario(counts: Counts) -> None:
        for _ in range(800):
            counts.clock.now += chance.randrange(200 * MILLISECOND)
            now, tokens = counts.clock.now, chance.choice([0, 10, 100, 300])
            in_window = [a for a in by_hand if now - a.at < few.window]
            held = sum(a.tokens for a in in_window)
            hourly = sum(now - a.at < HOUR for a in by_hand)
            fits = len(in_window) < few.requests and hourly < few.hourly and held + tokens <= few.tokens
            answer = await counts.admit(few, tokens)
            assert answer.reading.admitted == fits
            if fits:
                by_hand.append(Admission(now, tokens))
                open_calls.append((answer, by_hand[-1]))
                assert answer.reading[:3] == (len(in_window) + 1, hourly + 1, held + tokens)
                assert answer.reading.latest == 0
            else:
                assert answer.reading[:3] == (len(in_window), hourly, held)
            if open_calls and chance.random() < 0.5:
                settled, admission = open_calls.pop(chance.randrange(len(open_calls)))
                admission.tokens = chance.choice([0, admission.tokens, admission.tokens // 2, admission.tokens + 30])
                await settled.settle(admission.tokens)
            if chance.random() < 0.01:
                counts.clock.now += HOUR // 2

    play(scenario)


@pytest.mark.parametrize(
    ("few", "tokens"),
    [
        (limits(requests=3), 0),
        (limits(requests=1, window=1500 * MILLISECOND), 0),
        (limits(hourly=3), 0),
        (limits(tokens=100), 30),
        (limits(requests=2, tokens=70), 30),
    ],
)
def test_the_stated_wait_is_exact_to_the_millisecond(play: Play, few: Limits, tokens: int) -> None:
    async def scenario(counts: Counts) -> None:
        for _ in range(8):
            counts.clock.now += 7_654_321
            while (reading := (await counts.admit(few, tokens)).reading).admitted:
                counts.clock.now += 12_345
            wait = max(reading.wait_requests, reading.wait_hourly, reading.wait_tokens)
            assert wait > MILLISECOND
            counts.clock.now += wait - MILLISECOND
            assert not (await counts.admit(few, tokens)).reading.admitted
            counts.clock.now += MILLISECOND
            assert (await counts.admit(few, tokens)).reading.admitted

    play(scenario)


def test_asking_again_and_again_does_not_lock_the_caller_out(play: Play) -> None:
    async def scenario(counts: Counts) -> None:
        few = limits(requests=2, window=SECOND)
        admitted = 0
        for _ in range(100):
            admitted += (await counts.admit(few)).reading.admitted
            counts.clock.now += 100 * MILLISECOND
        assert admitted == 20

    play(scenario)


def test_a_request_over_the_whole_limit_has_an_infinite_wait(play: Play) -> None:
    async def scenario(counts: Counts) -> None:
        assert (await counts.admit(limits(tokens=100), 101)).reading.wait_tokens == NEVER
        assert (await counts.admit(limits(tokens=100), 10**400)).reading.wait_tokens == NEVER
        assert (await counts.admit(limits(tokens=100), 100)).reading.admitted

    play(scenario)


def test_a_call_that_used_nothing_gives_its_tokens_back_at_once(play: Play) -> None:
    async def scenario(counts: Counts) -> None:
        few = limits(tokens=100)
        first = await counts.admit(few, 100)
        assert not (await counts.admit(few, 1)).reading.admitted
        await first.settle(0)
        assert (await counts.admit(few, 100)).reading.admitted

    play(scenario)


def test_a_call_that_used_more_than_it_reserved_leaves_less_for_the_next(play: Play) -> None:
    async def scenario(counts: Counts) -> None:
        few = limits(tokens=100)
        first = await counts.admit(few, 10)
        await first.settle(95)
        assert not (await counts.admit(few, 10)).reading.admitted

    play(scenario)


def test_settling_twice_counts_once(play: Play) -> None:
    async def scenario(counts: Counts) -> None:
        few = limits(tokens=100)
        first, _ = await counts.admit(few, 60), await counts.admit(few, 40)
        await first.settle(20)
        await first.settle(20)
        assert (await counts.admit(few, 0)).reading.tokens == 60

    play(scenario)


def test_a_call_that_outlives_its_window_changes_nothing_when_it_ends(play: Play) -> None:
    async def scenario(counts: Counts) -> None:
        few = limits(tokens=100, window=SECOND)
        slow = await counts.admit(few, 100)
        counts.clock.now += 2 * SECOND
        assert (await counts.admit(few, 40)).reading.tokens == 40
        await slow.settle(5)
        assert (await counts.admit(few, 10)).reading.tokens == 50
        counts.clock.now += 2 * HOUR
        await slow.settle(70)
        assert (await counts.admit(few, 0)).reading.tokens == 0

    play(scenario)


def test_a_clock_that_is_set_back_gives_no_tokens_back_twice(play: Play) -> None:
    async def scenario(counts: Counts) -> None:
        few = limits(tokens=100)
        await counts.admit(few, 60)
        counts.clock.now += 61 * SECOND
        await counts.admit(few, 40)
        counts.clock.now -= 30 * SECOND
        assert (await counts.admit(few, 0)).reading.tokens == 40
        counts.clock.now += 30 * SECOND
        assert (await counts.admit(few, 0)).reading.tokens == 40

    play(scenario)


def test_the_log_keeps_no_more_than_the_last_hour() -> None:
    log, few = AdmissionLog(), limits()
    for minute in range(60 * 24):
        for _ in range(10):
            log.read(minute * 60 * SECOND, few, 1)
            log.add(minute * 60 * SECOND, 1)
    assert len(log) < 2 * 600
    assert log.held == 10
