"""Pipeline, time-out and retry, each alone around a scripted handler."""

import asyncio
import time

import pytest

from shared.layers.input_guard import InputGuard
from shared.layers.retry import JITTER, LONGEST_DELAY, Retry
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call
from shared.pipeline.errors import (
    DeadlineExceeded,
    InvalidRequest,
    UpstreamError,
    UpstreamFault,
    UpstreamRateLimited,
    UpstreamRejected,
)
from shared.pipeline.layer import Handler, compose
from shared.pipeline.reply import Reply
from tests.shared.conftest import answering, completion, make_call


class Noted:
    """A layer that notes when it is entered and left."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    async def __call__(self, call: Call, next: Handler) -> Reply:
        self.notes.append(f"{self.name} in")
        reply = await next(call)
        self.notes.append(f"{self.name} out")
        return reply


def test_a_call_goes_inward_through_the_list_and_back_out() -> None:
    notes: list[str] = []
    handler = compose([Noted("outer", notes), Noted("inner", notes)], answering(completion()))
    asyncio.run(handler(make_call()))  # type: ignore[arg-type]
    assert notes == ["outer in", "inner in", "inner out", "outer out"]


def test_the_guard_refuses_what_the_edge_could_not_read_before_anything_is_spent() -> None:
    call = make_call()
    call.refusal = InvalidRequest("broken")
    with pytest.raises(InvalidRequest, match="broken"):
        asyncio.run(InputGuard(10)(call, answering(AssertionError("went further in"))))


def test_retry_sleeps_longer_each_time_and_never_over_ten_seconds() -> None:
    retry, fault = Retry(max_retries=8, delay=1.0), UpstreamFault("500")
    for retries in range(8):
        nominal = min(2.0**retries, LONGEST_DELAY)
        waits = [retry.backoff(retries, fault) for _ in range(200)]
        assert nominal * (1 - JITTER) <= min(waits) < max(waits) <= nominal * (1 + JITTER)
        assert max(waits) - min(waits) > nominal * JITTER  # the jitter spreads them


def test_retry_waits_as_long_as_the_upstream_asks() -> None:
    assert Retry(3, 0.01).backoff(0, UpstreamRateLimited("slow down", retry_after=7)) == 7


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (UpstreamFault("500"), 4),
        (UpstreamRateLimited("429"), 4),
        (UpstreamRejected("400"), 1),
        (UpstreamFault("bad credentials", retryable=False), 1),
    ],
)
def test_only_retryable_errors_are_retried(error: UpstreamError, calls: int) -> None:
    made: list[Call] = []

    async def handler(call: Call) -> Reply:
        made.append(call)
        raise error

    with pytest.raises(type(error)):
        asyncio.run(Retry(3, 0.001)(make_call(), handler))
    assert len(made) == calls


def test_retry_gives_up_when_the_wait_would_pass_the_deadline() -> None:
    call = make_call()
    call.deadline = time.perf_counter() + 5
    with pytest.raises(UpstreamRateLimited) as refusal:
        asyncio.run(Retry(3, 0.001)(call, answering(UpstreamRateLimited("429", retry_after=60))))
    assert call.retries == 0
    assert refusal.value.headers() == {"Retry-After": "60"}


def test_a_429_without_retry_after_gets_one() -> None:
    with pytest.raises(UpstreamRateLimited) as refusal:
        asyncio.run(Retry(0, 1.0)(make_call(), answering(UpstreamRateLimited("429"))))
    assert int(refusal.value.headers()["Retry-After"]) >= 1


def test_the_deadline_counts_from_the_arrival_not_from_the_layer() -> None:
    async def hanging(call: Call) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError("never")

    call = make_call()
    call.started -= 10  # it has waited ten seconds already
    with pytest.raises(DeadlineExceeded, match=r"within 10\.05 seconds"):
        asyncio.run(Timeout(10.05)(call, hanging))
    assert call.elapsed_ms() < 12_000
