"""The layer around the breaker: which errors count as the upstream's fault, and that no permit is ever lost."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import REGISTRY

from shared.layers.circuit_breaker import CircuitBreaker
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call, Target
from shared.pipeline.errors import (
    CircuitOpen,
    DeadlineExceeded,
    InvalidRequest,
    ServiceError,
    UpstreamBadReply,
    UpstreamFault,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.pipeline.layer import compose
from shared.pipeline.outcome import Ending
from shared.pipeline.reply import Reply
from shared.resilience import breakers
from shared.resilience.breaker import Breaker
from shared.resilience.circuit import Rules
from shared.settings import Settings
from tests.resilience.clock import Clock
from tests.resilience.stage import Upstream, call_of, finish, replying, send, settle_down, token_stream
from tests.shared.conftest import answering, completion, make_call
from workshop.grader.launch import SIMULATOR

THRESHOLD = 3


def layer(clock: Clock | None = None, probes: int = 1, threshold: int = THRESHOLD) -> CircuitBreaker:
    settings = Settings(
        circuit_breaker_failure_threshold=threshold, circuit_breaker_probes=probes, circuit_breaker_success_threshold=2
    )
    if clock is None:
        return CircuitBreaker(settings)
    return CircuitBreaker(settings, breaker=lambda rules: Breaker(rules, clock))


def report(breaker: CircuitBreaker, name: str = f"primary/{SIMULATOR}") -> Mapping[str, Any]:
    of_one: Mapping[str, Any] = breaker.checks()["circuit_breakers"]["breakers"][name]
    return of_one


async def fail(breaker: CircuitBreaker, error: BaseException, call: Call | None = None) -> None:
    with pytest.raises(type(error)):
        await breaker(call or make_call(), answering(error))  # type: ignore[arg-type]


async def open_it(breaker: CircuitBreaker) -> None:
    for _ in range(THRESHOLD):
        await fail(breaker, UpstreamFault("500"))


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (UpstreamFault("500"), "open"),
        (UpstreamUnavailable("refused"), "open"),
        (UpstreamTimeout("connecting"), "open"),
        (UpstreamBadReply("not JSON"), "closed"),
        (UpstreamFault("our key was refused", upstream_status=401, retryable=False), "closed"),
        (UpstreamRateLimited("429"), "closed"),
        (UpstreamRejected("400"), "closed"),
        (InvalidRequest("nested too deeply"), "closed"),
        (RuntimeError("a bug"), "closed"),
    ],
)
def test_only_faults_of_the_upstream_count(error: Exception, state: str) -> None:
    async def run() -> None:
        breaker = layer()
        for _ in range(THRESHOLD):
            await fail(breaker, error)
        assert report(breaker)["state"] == state

    asyncio.run(run())


def test_an_open_breaker_refuses_in_process_with_a_retry_after() -> None:
    async def run() -> None:
        clock = Clock()
        breaker = layer(clock)
        await open_it(breaker)
        clock.pass_(12.5)
        with pytest.raises(CircuitOpen) as refusal:
            await breaker(make_call(), answering(AssertionError("went further in")))
        assert refusal.value.status == 503
        assert refusal.value.error_code == "circuit_open"
        assert refusal.value.headers() == {"Retry-After": "48"}
        assert not refusal.value.retryable
        assert report(breaker) == {
            "state": "open",
            "failures_in_a_row": THRESHOLD,
            "calls": THRESHOLD,
            "success_rate": 0.0,
            "opened": 1,
            "rejected": 1,
            "half_open_in_s": 47.5,
        }

    asyncio.run(run())


def test_a_failing_model_does_not_open_the_breaker_of_another() -> None:
    async def run() -> None:
        breaker = layer()
        await open_it(breaker)
        for target in (Target(model="other"), Target(upstream="elsewhere")):
            call = make_call()
            call.target = target
            assert await breaker(call, answering(completion()))
        assert set(breaker.checks()["circuit_breakers"]["breakers"]) == {
            f"primary/{SIMULATOR}",
            "primary/other",
            f"elsewhere/{SIMULATOR}",
        }

    asyncio.run(run())


def test_a_call_that_hangs_until_its_deadline_is_a_failure_and_an_abandoned_one_is_not() -> None:
    async def run() -> None:
        breaker, upstream = layer(), Upstream()
        patient, impatient = (compose([Timeout(seconds), breaker], upstream) for seconds in (60, 0.05))
        for _ in range(THRESHOLD - 1):
            left = asyncio.ensure_future(patient(make_call()))
            await settle_down()
            left.cancel()
            with pytest.raises(asyncio.CancelledError):
                await left
        assert report(breaker)["failures_in_a_row"] == 0
        for _ in range(THRESHOLD):
            with pytest.raises(DeadlineExceeded):
                await impatient(make_call())
        assert report(breaker)["state"] == "open"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("ending", "error", "calls", "failures"),
    [
        (Ending.CUT, UpstreamUnavailable("broke off"), 1, 1),
        (Ending.CUT, UpstreamTimeout("silent"), 1, 1),
        (Ending.CUT, UpstreamRejected("too long after all"), 0, 0),
        (Ending.FINISHED, None, 1, 0),
        (Ending.LEFT, None, 0, 0),
    ],
)
def test_a_stream_is_judged_by_its_end(ending: Ending, error: ServiceError | None, calls: int, failures: int) -> None:
    async def run() -> None:
        breaker, call = layer(), call_of(stream=True)
        await breaker(call, answering(token_stream()))
        assert report(breaker)["calls"] == 0
        finish(call, ending, error)
        assert (report(breaker)["calls"], report(breaker)["failures_in_a_row"]) == (calls, failures)

    asyncio.run(run())


def test_of_fifty_calls_at_once_only_the_probes_reach_a_half_open_upstream() -> None:
    async def run() -> None:
        clock, upstream = Clock(), Upstream()
        breaker = layer(clock, probes=2)
        await open_it(breaker)
        clock.pass_(60)
        tasks = [send(breaker, upstream, make_call()) for _ in range(50)]
        await settle_down()
        assert len(upstream.inside) == 2
        assert report(breaker)["state"] == "half_open"
        upstream.end()
        upstream.end()
        replies = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(reply) for reply in replies].count(CircuitOpen) == 48
        assert report(breaker)["state"] == "closed"

    asyncio.run(run())


class Leaves(BaseException): ...


async def half_open(clock: Clock) -> CircuitBreaker:
    breaker = layer(clock)
    await open_it(breaker)
    clock.pass_(60)
    return breaker


def test_a_stream_is_a_probe_until_its_first_token() -> None:
    async def run() -> None:
        breaker = await half_open(Clock())
        streams = [call_of(stream=True) for _ in range(2)]
        for call in streams:  # neither ends
            await breaker(call, answering(token_stream()))
        assert report(breaker)["state"] == "closed"
        for call in streams:
            finish(call, Ending.FINISHED)
        assert report(breaker)["calls"] == 0, "they were counted as probes"

    asyncio.run(run())


@pytest.mark.parametrize("state", ["half_open", "closed"])
def test_a_probe_that_is_cut_after_its_first_token_is_a_failure(state: str) -> None:
    async def run() -> None:
        breaker, call = await half_open(Clock()), call_of(stream=True)
        await breaker(call, answering(token_stream()))
        if state == "closed":
            await breaker(make_call(), answering(completion()))
        assert report(breaker)["state"] == state
        finish(call, Ending.CUT, UpstreamUnavailable("broke off"))
        assert report(breaker)["state"] == ("open" if state == "half_open" else "closed")
        assert state == "half_open" or report(breaker)["failures_in_a_row"] == 1

    asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "end",
    [UpstreamRejected("400"), UpstreamRateLimited("429"), RuntimeError("a bug"), Leaves(), Ending.LEFT],
)
def test_a_probe_gives_its_permit_back_however_it_ends(end: BaseException | Ending, stream: bool) -> None:
    async def run() -> None:
        breaker = await half_open(Clock())
        for _ in range(5):  # a single lost permit would block all later probes
            call = call_of(stream=stream)
            if not isinstance(end, Ending):
                with pytest.raises(type(end)):
                    await breaker(call, replying(lambda _: end))
            else:  # the client leaves before the first token
                task = send(breaker, Upstream(), call)
                await settle_down()
                task.cancel()
                await asyncio.wait([task])
        assert report(breaker)["state"] == "half_open"
        assert report(breaker)["rejected"] == 0

    asyncio.run(run())


def test_a_model_that_does_not_exist_leaves_no_trace() -> None:
    async def run() -> None:
        breaker = layer()
        for number in range(2 * breakers.MOST_CIRCUITS):
            call = make_call()
            call.target = Target(model=f"invented-{number}")
            await fail(breaker, UpstreamRejected("no such model", upstream_status=404), call)
        assert breaker.checks()["circuit_breakers"]["breakers"] == {}

    asyncio.run(run())


def test_a_404_does_not_close_a_half_open_breaker() -> None:
    async def run() -> None:
        breaker = await half_open(Clock())
        await fail(breaker, UpstreamRejected("no such model", upstream_status=404))
        assert report(breaker)["state"] == "half_open"

    asyncio.run(run())


def test_the_number_of_breakers_is_bounded_and_open_ones_stay_longest() -> None:
    async def run() -> None:
        breaker = layer()
        await open_it(breaker)
        for number in range(3 * breakers.MOST_CIRCUITS):
            call = make_call()
            call.target = Target(model=f"model-{number}")
            await breaker(call, answering(completion()))
        kept = breaker.checks()["circuit_breakers"]["breakers"]
        assert len(kept) == breakers.MOST_CIRCUITS
        assert kept[f"primary/{SIMULATOR}"]["state"] == "open"
        assert f"primary/model-{3 * breakers.MOST_CIRCUITS - 1}" in kept

    asyncio.run(run())


def test_if_all_breakers_are_open_the_oldest_makes_room() -> None:
    async def run() -> None:
        breaker = layer(threshold=1)
        for number in range(breakers.MOST_CIRCUITS + 1):
            call = make_call()
            call.target = Target(model=f"model-{number}")
            await fail(breaker, UpstreamFault("500"), call)
        kept = breaker.checks()["circuit_breakers"]["breakers"]
        assert len(kept) == breakers.MOST_CIRCUITS
        assert "primary/model-0" not in kept

    asyncio.run(run())


def opened(upstream: str) -> float:
    return REGISTRY.get_sample_value("circuit_breaker_open_total", {"upstream": upstream}) or 0.0


def test_every_change_of_state_is_logged_and_every_opening_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        clock, before = Clock(), opened("primary")
        breaker = layer(clock)
        await open_it(breaker)
        clock.pass_(60)
        await fail(breaker, UpstreamFault("500"))
        clock.pass_(60)
        for _ in range(2):
            await breaker(make_call(), answering(completion()))
        assert opened("primary") == before + 2
        assert report(breaker)["opened"] == 2

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    name = f"circuit breaker primary/{SIMULATOR}"
    assert [record.getMessage() for record in caplog.records] == [
        f"{name}: open, was closed",
        f"{name}: half_open, was open",
        f"{name}: open, was half_open",
        f"{name}: half_open, was open",
        f"{name}: closed, was half_open",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_custom_breaker_gets_the_settings() -> None:
    given: list[Rules] = []

    def make(rules: Rules) -> Breaker:
        given.append(rules)
        return Breaker(rules)

    async def run() -> Reply:
        settings = Settings(circuit_breaker_failure_threshold=7, circuit_breaker_timeout_sec=8)
        return await CircuitBreaker(settings, breaker=make)(make_call(), answering(completion()))

    assert asyncio.run(run())
    assert [(rules.failures, rules.open_for, rules.window) for rules in given] == [(7, 8, 30)]
