"""A budget of retries: it limits bursts, refills in quiet times, and belongs to one upstream."""

import asyncio
import random

import pytest

from shared.layers.retry import Retry
from shared.pipeline.call import Call, Target
from shared.pipeline.errors import UpstreamFault
from shared.pipeline.reply import Reply
from shared.resilience.retry_budget import QUIET, RetryBudget, RetryBudgets
from tests.resilience.clock import Clock
from tests.shared.conftest import make_call


def retried(budget: RetryBudget, calls: int, each: int) -> int:
    """The number of granted retries if each call asks for `each` of them."""
    granted = 0
    for _ in range(calls):
        budget.deposit()
        granted += sum(budget.withdraw() for _ in range(each))
    return granted


@pytest.mark.parametrize(("ratio", "reserve"), [(0.2, 20), (0.2, 0), (0.0, 7), (1.0, 1)])
def test_a_burst_is_retried_no_more_than_its_share_and_the_reserve(ratio: float, reserve: int) -> None:
    granted = retried(RetryBudget(ratio, reserve, Clock()), calls=500, each=3)
    assert ratio * 500 + reserve - 1 <= granted <= ratio * 500 + reserve


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_holds_in_every_window(seed: int) -> None:
    chance, clock = random.Random(seed), Clock()
    budget = RetryBudget(0.2, 20, clock)
    steps = list[tuple[int, int]]()  # calls and retries
    for _ in range(2000):
        clock.pass_(chance.random() * QUIET)
        budget.deposit()
        steps.append((1, sum(budget.withdraw() for _ in range(chance.choice([1, 1, 1, 3])))))
    worst = excess = 0.0
    for calls, retries in steps:  # finds the burst that is farthest over its share
        excess = max(0.0, excess + retries - 0.2 * calls)
        worst = max(worst, excess)
    assert worst <= 20


def test_good_times_are_not_saved_up_beyond_the_reserve() -> None:
    budget = RetryBudget(0.2, 5, Clock())
    retried(budget, calls=1000, each=0)
    assert retried(budget, calls=1, each=100) == 5


def test_quiet_refills_the_reserve_but_no_more() -> None:
    clock = Clock()
    budget = RetryBudget(0.0, 5, clock)
    assert retried(budget, calls=1, each=100) == 5
    clock.pass_(3)
    assert retried(budget, calls=1, each=100) == 3
    clock.pass_(1000)
    assert retried(budget, calls=1, each=100) == 5


def test_constant_asking_does_not_refill_the_reserve() -> None:
    clock = Clock()
    budget = RetryBudget(0.0, 5, clock)
    retried(budget, calls=1, each=5)
    for _ in range(100):
        clock.pass_(QUIET / 2)
        assert not budget.withdraw()


# --- in the layer ------------------------------------------------------------------------------------------------


async def try_all(retry: Retry, calls: int, upstream: str = "primary") -> tuple[int, list[Call]]:
    """The number of tries of `calls` calls that all fail."""
    tries = 0

    async def failing(call: Call) -> Reply:
        nonlocal tries
        tries += 1
        raise UpstreamFault("500")

    made = [make_call() for _ in range(calls)]
    for call in made:
        call.target = Target(upstream)
        with pytest.raises(UpstreamFault):
            await retry(call, failing)
    return tries, made


def test_all_calls_together_retry_within_the_budget() -> None:
    retry = Retry(3, 0.0001, RetryBudgets(0.2, 10))
    tries, calls = asyncio.run(try_all(retry, 100))
    assert 100 + 20 + 9 <= tries <= 100 + 20 + 10
    assert sum(call.retries for call in calls) == tries - 100


def test_each_upstream_has_a_budget_of_its_own() -> None:
    async def run() -> None:
        retry = Retry(3, 0.0001, RetryBudgets(0.0, 4))
        for upstream in ("primary", "elsewhere"):
            tries, _ = await try_all(retry, 5, upstream)
            assert tries == 5 + 4

    asyncio.run(run())


def test_without_a_budget_every_call_has_all_its_retries() -> None:
    tries, _ = asyncio.run(try_all(Retry(3, 0.0001), 50))
    assert tries == 50 * 4


def test_another_target_gets_its_own_tries_and_the_log_has_their_sum() -> None:
    async def run() -> None:
        retry, tries = Retry(2, 0.0001), 0

        async def failing(call: Call) -> Reply:
            nonlocal tries
            tries += 1
            raise UpstreamFault("500")

        call = make_call()
        for target in (Target(), Target("elsewhere")):
            call.target = target
            with pytest.raises(UpstreamFault):
                await retry(call, failing)
        assert tries == 6
        assert call.retries == 4

    asyncio.run(run())
