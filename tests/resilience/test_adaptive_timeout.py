"""The time-out grows with the size of the work, within bounds."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from shared.layers.adaptive_timeout import AdaptiveTimeout
from shared.pipeline.call import Call
from shared.pipeline.errors import DeadlineExceeded
from shared.pipeline.reply import Reply
from tests.shared.conftest import make_call


@pytest.mark.parametrize(
    ("characters", "max_tokens", "extra", "seconds"),
    [
        (4, 20, {}, 30),  # 13 seconds would be enough
        (4000, 1000, {}, 84),  # (10 + 10 + 50) * 1.2
        (4000, None, {"max_completion_tokens": 1000}, 84),
        (4000, None, {}, 84),  # without max_tokens, an answer of a thousand tokens is expected
        (4000, None, {"max_completion_tokens": "many"}, 84),
        (4000, 4000, {"n": 3}, 264),  # choices are generated in parallel
        (200_000, 4000, {}, 300),
    ],
)
def test_a_calls_time_grows_with_its_tokens(
    characters: int, max_tokens: int | None, extra: dict[str, Any], seconds: float
) -> None:
    request = replace(make_call("x" * characters).request, max_tokens=max_tokens, extra=extra)
    assert AdaptiveTimeout(30, 300).seconds(request) == pytest.approx(seconds)


def test_the_upper_bound_wins_over_the_lower_one() -> None:
    assert AdaptiveTimeout(30, 5).seconds(make_call().request) == 5


def test_the_deadline_is_set_on_the_call_and_enforced() -> None:
    async def hanging(call: Call) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError("never")

    call = make_call()
    with pytest.raises(DeadlineExceeded, match=r"within 0\.05 seconds"):
        asyncio.run(AdaptiveTimeout(0.05, 0.05)(call, hanging))
    assert call.deadline == call.started + 0.05
