"""Calls that share one flight: which wait, which leave, which pays, and which run out of time."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from shared.cache.single_flight import SingleFlight
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.errors import DeadlineExceeded, ServiceError, UpstreamFault
from shared.pipeline.outcome import Ending, Outcome, Usage
from shared.pipeline.reply import Completion, Reply
from tests import virtual_time

KEY = "key"


def a_call(started: float | None = None) -> Call:
    return Call(ChatRequest("m", ()), "/generate", "test", started=started or time.perf_counter())


class Upstream:
    """Answers when told to. Remembers its calls and how they ended, like a layer inside the flight."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.told: list[Outcome] = []
        self.cancelled = 0
        self.failure: Exception | None = None
        self.answers = asyncio.Event()

    async def __call__(self, call: Call) -> Completion:
        self.calls.append(call)
        call.on_done(self.told.append)
        call.metadata["from"] = "upstream"
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure is not None:
            raise self.failure
        return Completion("m", "hola", Usage(3, 4), "stop", b"{}")


class Stage:
    """A single flight with an upstream behind it. It settles calls as the service does."""

    def __init__(self) -> None:
        self.flights = SingleFlight()
        self.upstream = Upstream()

    def send(self, call: Call | None = None, key: str = KEY) -> "asyncio.Task[Completion]":
        return asyncio.create_task(self._answer(call or a_call(), key))

    async def _answer(self, call: Call, key: str) -> Completion:
        try:
            reply = await self.flights.answer(key, call, self.upstream)
        except ServiceError as error:
            call.finish(Outcome(Ending.FAILED, error=error))
            raise
        except asyncio.CancelledError:
            call.finish(Outcome(Ending.LEFT))
            raise
        call.finish(Outcome(Ending.FINISHED, reply.usage, cached=reply.cached))
        return reply


async def moments(number: int = 5) -> None:
    """Let all tasks run that can."""
    for _ in range(number):
        await asyncio.sleep(0)


async def leave(task: "asyncio.Task[Completion]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


Scenario = Callable[[Stage], Coroutine[Any, Any, None]]


def play(scenario: Scenario) -> None:
    async def run() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        stage = Stage()
        await scenario(stage)
        await moments()
        assert KEY not in stage.flights, "a flight that is over still exists"
        assert not complaints

    virtual_time.run(run())


def test_fifty_at_once_make_one_call_and_one_pays() -> None:
    async def scenario(stage: Stage) -> None:
        calls = [a_call() for _ in range(50)]
        asking = [stage.send(call) for call in calls]
        await moments()
        assert len(stage.upstream.calls) == 1
        stage.upstream.answers.set()
        replies = await asyncio.gather(*asking)
        assert {reply.text for reply in replies} == {"hola"}
        assert [reply.cached for reply in replies] == [False] + [True] * 49
        spent = [call.outcome.spent.total for call in calls if call.outcome]
        assert spent == [7] + [0] * 49
        assert {call.metadata["from"] for call in calls} == {"upstream"}
        assert [outcome.ending for outcome in stage.upstream.told] == [Ending.FINISHED]
        assert stage.upstream.told[0].spent.total == 7

    play(scenario)


def test_different_questions_do_not_share() -> None:
    async def scenario(stage: Stage) -> None:
        asking = [stage.send(key="one"), stage.send(key="two")]
        await moments()
        assert len(stage.upstream.calls) == 2
        stage.upstream.answers.set()
        assert [reply.cached for reply in await asyncio.gather(*asking)] == [False, False]

    play(scenario)


def test_after_a_flight_has_ended_a_new_one_begins() -> None:
    async def scenario(stage: Stage) -> None:
        stage.upstream.answers.set()
        await stage.send()
        await stage.send()
        assert len(stage.upstream.calls) == 2

    play(scenario)


def test_a_waiter_that_leaves_leaves_alone() -> None:
    async def scenario(stage: Stage) -> None:
        first, second, third = stage.send(), stage.send(), stage.send()
        await moments()
        await leave(second)
        stage.upstream.answers.set()
        assert [(await first).cached, (await third).cached] == [False, True]
        assert len(stage.upstream.calls) == 1

    play(scenario)


def test_the_flight_survives_its_first_caller_and_the_next_one_pays() -> None:
    async def scenario(stage: Stage) -> None:
        calls = [a_call() for _ in range(3)]
        first, second, third = [stage.send(call) for call in calls]
        await moments()
        await leave(first)
        assert stage.upstream.cancelled == 0
        assert stage.upstream.told == []  # the flight goes on, no matter who left
        stage.upstream.answers.set()
        assert [(await second).cached, (await third).cached] == [False, True]
        assert len(stage.upstream.calls) == 1
        assert [outcome.ending for outcome in stage.upstream.told] == [Ending.FINISHED]
        assert [call.outcome.spent.total for call in calls if call.outcome] == [0, 7, 0]

    play(scenario)


def test_a_flight_without_callers_is_cancelled_and_its_layers_are_told() -> None:
    async def scenario(stage: Stage) -> None:
        first, second = stage.send(), stage.send()
        await moments()
        await leave(first)
        await leave(second)
        await moments()
        assert stage.upstream.cancelled == 1
        assert [outcome.ending for outcome in stage.upstream.told] == [Ending.LEFT]

    play(scenario)


def test_a_call_does_not_join_a_cancelled_flight() -> None:
    async def scenario(stage: Stage) -> None:
        first = stage.send()
        await moments()
        first.cancel()
        second = stage.send()
        await moments()
        stage.upstream.answers.set()
        assert (await second).text == "hola"
        assert (len(stage.upstream.calls), stage.upstream.cancelled) == (2, 1)

    play(scenario)


def test_an_error_is_shared_by_waiting_calls_but_not_by_later_ones() -> None:
    async def scenario(stage: Stage) -> None:
        stage.upstream.failure = UpstreamFault("it broke", retry_after=3)
        asking = [stage.send() for _ in range(3)]
        await moments()
        stage.upstream.answers.set()
        errors = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(error) for error in errors] == [UpstreamFault] * 3
        assert [error.retry_after for error in errors if isinstance(error, UpstreamFault)] == [3] * 3
        assert len({id(error) for error in errors}) == 3  # each call notes its own headers
        assert [outcome.ending for outcome in stage.upstream.told] == [Ending.FAILED]
        stage.upstream.failure = None
        assert (await stage.send()).text == "hola"
        assert len(stage.upstream.calls) == 2

    play(scenario)


def test_a_bug_in_the_flight_reaches_everyone() -> None:
    async def scenario(stage: Stage) -> None:
        stage.upstream.failure = ZeroDivisionError()
        stage.upstream.answers.set()
        errors = await asyncio.gather(*[stage.send() for _ in range(3)], return_exceptions=True)
        assert [type(error) for error in errors] == [ZeroDivisionError] * 3

    play(scenario)


def test_everyone_may_leave_a_flight_that_fails_as_it_is_cancelled() -> None:
    async def scenario(stage: Stage) -> None:
        async def fails(call: Call) -> Completion:
            try:
                await stage.upstream(call)
            except asyncio.CancelledError:
                raise UpstreamFault("it broke while it was let go") from None
            raise AssertionError

        asking = asyncio.create_task(stage.flights.answer(KEY, a_call(), fails))
        await moments()
        await leave(asking)

    play(scenario)


# --- deadlines ---------------------------------------------------------------------------------------------------


class Slow:
    """A stack with its own deadline inside the flight. The first `hangs` calls never get an answer."""

    def __init__(self, seconds: float, hangs: int) -> None:
        self.timeout = Timeout(seconds)
        self.hangs = hangs
        self.calls = 0

    async def __call__(self, call: Call) -> Completion:
        reply = await self.timeout(call, self._upstream)
        assert isinstance(reply, Completion)
        return reply

    async def _upstream(self, call: Call) -> Reply:
        self.calls += 1
        if self.calls <= self.hangs:
            await asyncio.Event().wait()
        return Completion("m", "hola", Usage(3, 4), "stop", b"{}")


def test_a_later_call_still_has_time_when_the_flight_has_none() -> None:
    async def scenario(stage: Stage) -> None:
        slow, now = Slow(0.4, hangs=1), time.perf_counter()
        first = asyncio.create_task(stage.flights.answer(KEY, a_call(now - 0.3), slow))
        later = [asyncio.create_task(stage.flights.answer(KEY, a_call(now), slow)) for _ in range(5)]
        with pytest.raises(DeadlineExceeded):
            await first
        assert time.perf_counter() - now == pytest.approx(0.1)
        assert [(await task).text for task in later] == ["hola"] * 5
        assert slow.calls == 2

    play(scenario)


def test_calls_that_arrive_together_fail_together() -> None:
    async def scenario(stage: Stage) -> None:
        slow, now = Slow(0.1, hangs=99), time.perf_counter()
        asking = [
            asyncio.create_task(stage.flights.answer(KEY, a_call(now + number / 10_000), slow)) for number in range(50)
        ]
        errors = await asyncio.gather(*asking, return_exceptions=True)
        assert [type(error) for error in errors] == [DeadlineExceeded] * 50
        assert slow.calls == 1

    play(scenario)


def test_a_call_that_is_older_than_the_flight_does_not_wait_longer_than_its_own_time() -> None:
    async def scenario(stage: Stage) -> None:
        slow, now = Slow(0.6, hangs=1), time.perf_counter()
        told: list[Outcome] = []

        async def fetch(call: Call) -> Completion:
            call.on_done(told.append)
            return await slow(call)

        first = asyncio.create_task(stage.flights.answer(KEY, a_call(now), fetch))
        older_call = a_call(now - 0.5)
        older = asyncio.create_task(stage.flights.answer(KEY, older_call, fetch))
        with pytest.raises(DeadlineExceeded):
            await older
        assert time.perf_counter() - now == pytest.approx(0.1)
        assert not first.done()
        older_call.finish(Outcome(Ending.FAILED))
        assert told == []  # the flight goes on, and this call does not settle it
        with pytest.raises(DeadlineExceeded):
            await first
        assert slow.calls == 1

    play(scenario)


def test_a_flight_whose_owner_left_ends_with_the_owners_time_and_the_waiters_go_on() -> None:
    async def scenario(stage: Stage) -> None:
        slow, now = Slow(0.3, hangs=1), time.perf_counter()
        told: list[Outcome] = []

        async def fetch(call: Call) -> Completion:
            call.on_done(told.append)
            return await slow(call)

        first = asyncio.create_task(stage.flights.answer(KEY, a_call(now - 0.2), fetch))
        later = asyncio.create_task(stage.flights.answer(KEY, a_call(now), fetch))
        await moments()
        await leave(first)
        assert not (await later).cached
        assert slow.calls == 2
        assert [outcome.ending for outcome in told] == [Ending.FAILED]  # the second one comes when `later` is settled

    play(scenario)
