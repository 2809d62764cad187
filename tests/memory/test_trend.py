"""What counts as a leak: realistic series of looks at memory, one second apart."""

import math
import random
from collections.abc import Callable

import pytest

from shared.memory.trend import FEWEST, IN_A_ROW, LOOKS, WARM_UP, LeakDetector, Look

MB = 1_000_000
AN_HOUR = 3600  # looks
SOON = WARM_UP + LOOKS * (FEWEST + IN_A_ROW + 20)

Series = Callable[[int], float]  # megabytes, by the number of the look
Count = Callable[[int], int]


def suspected_after(
    series: Series,
    looks: int = AN_HOUR,
    *,
    cached: Count = lambda look: 0,
    calls: Count = lambda look: 10,
    in_flight: Count = lambda look: 5,
    detector: LeakDetector | None = None,
) -> int | None:
    """The number of the look after which a leak was first suspected. Calls use a little memory now and then."""
    chance = random.Random(7)
    detector = detector or LeakDetector()
    for look in range(looks):
        resident = int((series(look) + abs(chance.gauss(0, 0.5))) * MB)
        detector.see(Look(float(look), resident, cached(look), calls(look), in_flight(look)))
        if detector.leaks:
            return look
    return None


def warming_up(seconds: float) -> Series:
    return lambda look: 80 + 20 * (1 - math.exp(-look / seconds))


HARMLESS: dict[str, Series] = {
    "flat": lambda look: 80,
    "warm-up of a minute": warming_up(60),
    "warm-up of three minutes": warming_up(180),
    "warm-up of ten minutes": warming_up(600),
    "ever slower": lambda look: 80 + 5 * math.log(1 + look),
    "one step": lambda look: 80 if look < 500 else 100,
    "a step now and then": lambda look: 80 + 6 * (look // 700),
    "teeth of a saw": lambda look: 80 + (look % 90) / 9,
    "waves": lambda look: 90 + 8 * math.sin(look / 40),
    "falling": lambda look: 120 - look / 90,
}


@pytest.mark.parametrize("name", HARMLESS)
def test_growth_for_a_good_reason_is_not_a_leak(name: str) -> None:
    assert suspected_after(HARMLESS[name]) is None


@pytest.mark.parametrize("seed", range(20))
def test_random_changes_are_not_a_leak(seed: int) -> None:
    chance, level = random.Random(seed), 80.0

    def wandering(look: int) -> float:
        nonlocal level
        level += chance.gauss(0, 0.3)
        return level

    assert suspected_after(wandering) is None


def test_a_cache_that_fills_is_not_a_leak() -> None:
    def cached(look: int) -> int:
        return min(60 * MB, look * MB // 20)

    assert suspected_after(lambda look: 80 + 1.1 * cached(look) / MB, cached=cached) is None


def test_a_cache_that_shrinks_without_freeing_memory_is_not_a_leak() -> None:
    def cached(look: int) -> int:
        return max(0, 60 * MB - look * MB // 20)

    assert suspected_after(lambda look: 150, cached=cached) is None


def test_an_hour_of_rate_limit_records_is_not_a_leak() -> None:
    a_second = 1500

    def remembered(look: int) -> float:
        return 80 + 40 * a_second * min(look, 3600) / MB

    assert suspected_after(remembered, 2 * AN_HOUR, calls=lambda look: a_second) is None


def test_more_memory_for_more_calls_is_not_a_leak() -> None:
    def traffic(look: int) -> int:
        return 10 + look // 5

    assert suspected_after(lambda look: 80 + traffic(look) / 20, AN_HOUR // 4, calls=traffic) is None
    assert suspected_after(lambda look: 80 + traffic(look) / 20, AN_HOUR // 4, in_flight=traffic) is None


@pytest.mark.parametrize("mb_a_minute", [0.6, 2.0, 10.0, 60.0])
def test_steady_growth_is_suspected_within_minutes(mb_a_minute: float) -> None:
    detector = LeakDetector()
    assert suspected_after(lambda look: 80 + mb_a_minute * look / 60, SOON, detector=detector) is not None
    trend = detector.trend
    assert trend is not None
    assert trend.bytes_per_minute == pytest.approx(mb_a_minute * MB, rel=0.15)
    assert trend.bytes_per_call == pytest.approx(mb_a_minute * MB / 60 / 10, rel=0.2)
    assert trend.certainty > 0.95


def test_a_leak_is_seen_beside_a_full_cache_and_without_any_calls() -> None:
    def leaking(look: int) -> float:
        return 150 + 3 * look / 60

    assert suspected_after(leaking, SOON, cached=lambda look: 60 * MB) is not None
    assert suspected_after(leaking, SOON, calls=lambda look: 0, in_flight=lambda look: 0) is not None


def test_a_slow_leak_is_found_later() -> None:
    assert suspected_after(lambda look: 80 + 0.25 * look / 60) is not None


def test_a_leak_below_the_growth_of_rate_limit_records_is_found_after_an_hour() -> None:
    a_second, kept = 500, 40 / MB

    def leaking(look: int) -> float:
        return 80 + kept * a_second * look

    found = suspected_after(leaking, 3 * AN_HOUR, calls=lambda look: a_second)
    assert found is not None
    assert found > AN_HOUR


def test_a_suspicion_is_withdrawn_when_memory_stops_growing() -> None:
    detector = LeakDetector()
    found = suspected_after(lambda look: 80 + look / 30, detector=detector)
    assert found is not None
    for look in range(found, found + AN_HOUR):
        detector.see(Look(float(look), 100 * MB, calls=10, in_flight=5))
    assert not detector.leaks


def test_there_is_no_trend_before_there_are_enough_looks() -> None:
    detector = LeakDetector()
    for look in range(WARM_UP + LOOKS * FEWEST - 1):
        detector.see(Look(float(look), (80 + look) * MB))
        assert detector.trend is None
    detector.see(Look(1000.0, 1000 * MB))
    assert detector.trend is not None
    detector.forget()
    assert detector.trend is None
