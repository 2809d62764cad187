"""Calls are spread over the time until a limit resets: the arithmetic, the layer, and an upstream that counts."""

import asyncio

import pytest

from shared.layers.pacing import Pacing
from shared.pipeline.call import Call, Target
from shared.pipeline.errors import UpstreamRateLimited
from shared.pipeline.reply import Reply
from shared.resilience.pacing import FEW, SOON, Pace
from shared.settings import Settings
from tests import virtual_time
from tests.resilience.clock import Clock
from tests.resilience.conftest import Start
from tests.resilience.quota_server import quota_server
from tests.resilience.stage import call_of
from tests.shared.conftest import completion

LITTLE = 0.1


def waits(pace: Pace, count: int, cost: float = 1.0) -> list[float]:
    """The waits of calls that all come now."""
    found = []
    for _ in range(count):
        found.append(round(pace.wait(cost), 6))
        pace.take(cost)
    return found


def test_while_enough_is_left_nobody_waits() -> None:
    pace = Pace(LITTLE, clock=Clock())
    assert waits(pace, 50) == [0.0] * 50
    pace.learn(remaining=10, limit=100, reset_s=30)
    assert waits(pace, 50) == [0.0] * 50


def test_what_little_is_left_lasts_until_the_reset() -> None:
    clock = Clock()
    pace = Pace(LITTLE, clock=clock)
    pace.learn(remaining=5, limit=100, reset_s=10)
    assert waits(pace, 7) == [0, 2, 4, 6, 8, 10, 10]
    clock.pass_(10)
    assert waits(pace, 3) == [0, 0, 0]


def test_calls_under_way_may_be_missing_in_what_is_said_to_be_left() -> None:
    pace = Pace(LITTLE, clock=Clock())
    for _ in range(3):
        pace.begin()
    pace.learn(remaining=5, limit=100, reset_s=10)
    assert waits(pace, 3) == [0, 5, 10]


def test_a_larger_call_waits_for_a_larger_part() -> None:
    pace = Pace(LITTLE, clock=Clock())
    pace.learn(remaining=900, limit=10_000, reset_s=9)
    assert waits(pace, 2, cost=300) == [0, 3]
    assert pace.wait(1000) == 9


def test_nothing_left_means_to_wait_for_the_reset() -> None:
    pace = Pace(LITTLE, clock=Clock())
    pace.learn(remaining=0, limit=100, reset_s=10)
    assert waits(pace, 2) == [10, 10]


def test_an_upstream_that_names_no_limit_or_no_reset() -> None:
    pace = Pace(LITTLE, clock=Clock())
    pace.learn(remaining=FEW, limit=None, reset_s=None)
    assert waits(pace, 2) == [0, 0]
    pace = Pace(LITTLE, clock=Clock())
    pace.learn(remaining=FEW - 1, limit=None, reset_s=None)
    assert waits(pace, 2) == [0, SOON / (FEW - 1)]


def test_each_worker_has_its_part_of_what_is_left() -> None:
    pace = Pace(LITTLE, part=1 / 4, clock=Clock())
    pace.learn(remaining=8, limit=100, reset_s=10)
    assert waits(pace, 3) == [0, 5, 10]


def test_more_again_ends_the_waiting() -> None:
    pace = Pace(LITTLE, clock=Clock())
    pace.learn(remaining=1, limit=100, reset_s=60)
    waits(pace, 5)
    pace.learn(remaining=99, limit=100, reset_s=60)
    assert waits(pace, 5) == [0] * 5


# --- the layer -------------------------------------------------------------------------------------------------------


def headers(remaining: int, reset: str = "10s") -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": reset,
    }


def made() -> Pacing:
    return Pacing(Settings(pace_below=LITTLE))


async def answers(call: Call) -> Reply:
    return completion()


def test_calls_go_one_after_the_other_and_another_upstream_is_not_concerned() -> None:
    async def begun() -> list[float]:
        pacing, loop = made(), asyncio.get_running_loop()
        pacing.learn("primary", headers(4))
        now, times = loop.time(), list[float]()

        async def send(call: Call) -> None:
            async def note(call: Call) -> Reply:
                times.append(round(loop.time() - now, 3))
                return completion()

            await pacing(call, note)

        elsewhere = call_of()
        elsewhere.target = Target("other")
        await asyncio.gather(*(send(call) for call in (call_of(), call_of(), call_of(), elsewhere)))
        return times

    assert virtual_time.run(begun()) == [0.0, 0.0, 2.5, 5.0]


def test_a_call_without_the_time_to_wait_is_refused_at_once() -> None:
    async def refused() -> float | None:
        pacing, call = made(), call_of()
        pacing.learn("primary", headers(0))
        call.deadline = call.started + 5
        with pytest.raises(UpstreamRateLimited) as refusal:
            await pacing(call, answers)
        return refusal.value.retry_after

    assert asyncio.run(refused()) == pytest.approx(10, abs=1)


# --- an upstream that counts -----------------------------------------------------------------------------------------


def refusals(start: Start, below: str) -> int:
    """How often the upstream answered 429 until all of these calls had their answers."""
    with (
        quota_server(limit=20, seconds=2.0) as upstream,
        start(OPENAI_BASE_URL=upstream.url, PACE_BELOW=below, MAX_RETRIES="10", RETRY_BUDGET="1") as gateway,
    ):
        answered = gateway.ask_many(60, at_once=4)
        assert [answer.status for answer in answered] == [200] * 60
        assert upstream.answered == 60
        return upstream.refused


def test_pacing_saves_calls_that_would_be_refused(start: Start) -> None:
    assert refusals(start, "0.5") < refusals(start, "0") / 2
