"""A bounded number of calls at once; the others wait in a short, fair queue that never loses a place."""

import asyncio
import random

import pytest
from prometheus_client import REGISTRY

from shared.layers.admission_queue import AdmissionQueue
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call
from shared.pipeline.errors import DeadlineExceeded, Overloaded, UpstreamFault
from shared.pipeline.layer import compose
from shared.pipeline.outcome import Ending
from shared.pipeline.reply import Reply
from tests.resilience.stage import Upstream, call_of, finish, send, settle_down, token_stream, until
from tests.shared.conftest import answering, completion


def counts(queue: AdmissionQueue) -> tuple[int, int]:
    """The places in use, and the number of waiting calls."""
    check = queue.checks()["admission_queue"]
    return check["in_use"], check["waiting"]


async def fill(queue: AdmissionQueue, upstream: Upstream, *callers: str) -> list[asyncio.Task[Reply]]:
    tasks = []
    for caller in callers:
        tasks.append(send(queue, upstream, call_of(caller)))
        await settle_down()
    return tasks


async def served(upstream: Upstream, calls: int) -> list[str]:
    """The callers in the order in which they are served, while places become free one after the other."""
    order = []
    for _ in range(calls):
        upstream.end()
        await settle_down()
        order += upstream.callers()[-1:]
    return order


def test_no_more_than_the_limit_run_at_once() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(2, 10, 60), Upstream()
        tasks = await fill(queue, upstream, *"aaaaa")
        assert len(upstream.callers()) == 2
        assert counts(queue) == (2, 3)
        assert REGISTRY.get_sample_value("inference_queue_depth") == 3
        for _ in range(5):
            upstream.end()
            await settle_down()
            assert len(upstream.callers()) <= 2
        await asyncio.gather(*tasks)
        assert counts(queue) == (0, 0)
        assert REGISTRY.get_sample_value("inference_queue_depth") == 0

    asyncio.run(run())


def test_calls_of_one_caller_are_served_in_order_of_arrival() -> None:
    async def run() -> None:
        queue, order = AdmissionQueue(1, 10, 60), list[int]()

        async def note(call: Call) -> Reply:
            order.append(int(call.request_id))
            await asyncio.sleep(0)
            return completion()

        calls = [call_of() for _ in range(8)]
        for number, call in enumerate(calls):
            call.request_id = str(number)
        await asyncio.gather(*(queue(call, note) for call in calls))
        assert order == list(range(8))

    asyncio.run(run())


def test_callers_take_turns() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 10, 60), Upstream()
        await fill(queue, upstream, *"gggggmmx")
        assert await served(upstream, 7) == ["g", "m", "x", "g", "m", "g", "g"]

    asyncio.run(run())


def test_a_full_queue_refuses_at_once_with_a_retry_after() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(2, 2, 60), Upstream()
        tasks = await fill(queue, upstream, *"aaaa")
        with pytest.raises(Overloaded) as refusal:
            await queue(call_of("a"), upstream)
        assert refusal.value.status == 503
        assert refusal.value.error_code == "queue_full"
        assert int(refusal.value.headers()["Retry-After"]) >= 1
        assert counts(queue) == (2, 2)
        [task.cancel() for task in tasks]

    asyncio.run(run())


def test_retry_after_follows_from_the_duration_of_calls() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(2, 3, 60), Upstream()
        queue._held = 10.0  # seconds per call
        await fill(queue, upstream, *"aaaaa")
        with pytest.raises(Overloaded) as refusal:
            await queue(call_of("a"), upstream)
        assert refusal.value.headers() == {"Retry-After": "20"}  # four wait, and every five seconds a place is free

    asyncio.run(run())


def test_a_greedy_caller_makes_room_for_a_modest_one() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 4, 60), Upstream()
        greedy = await fill(queue, upstream, *"ggggg")
        await fill(queue, upstream, *"mm")
        refused = [task for task in greedy if task.done()]
        assert refused == greedy[3:]
        assert {type(task.exception()) for task in refused} == {Overloaded}
        assert counts(queue) == (1, 4)
        for caller in "mg":  # two each now: nobody else is greedier
            with pytest.raises(Overloaded):
                await queue(call_of(caller), upstream)
        assert await served(upstream, 4) == ["g", "m", "g", "m"]

    asyncio.run(run())


def test_without_a_queue_a_call_without_a_place_is_refused() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 0, 60), Upstream()
        await fill(queue, upstream, "a")
        with pytest.raises(Overloaded, match="the queue is full"):
            await queue(call_of("b"), upstream)

    asyncio.run(run())


def test_no_call_waits_longer_than_the_queue_timeout() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 10, 0.02), Upstream()
        await fill(queue, upstream, "a")
        with pytest.raises(Overloaded, match=r"within 0\.02 seconds") as refusal:
            await queue(call_of("b"), upstream)
        assert refusal.value.error_code == "queue_timeout"
        assert counts(queue) == (1, 0)

    asyncio.run(run())


def test_no_call_waits_past_its_deadline() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 10, 60), Upstream()
        await fill(queue, upstream, "a")
        with pytest.raises(DeadlineExceeded):
            await compose([Timeout(0.02), queue], upstream)(call_of("b"))
        assert counts(queue) == (1, 0)

    asyncio.run(run())


def test_a_stream_holds_its_place_until_its_last_token() -> None:
    async def run() -> None:
        queue, call = AdmissionQueue(1, 10, 60), call_of(stream=True)
        await queue(call, answering(token_stream()))
        assert counts(queue) == (1, 0)
        finish(call, Ending.CUT)
        finish(call, Ending.LEFT)
        assert counts(queue) == (0, 0)

    asyncio.run(run())


class Leaves(BaseException): ...


@pytest.mark.parametrize("end", [UpstreamFault("500"), RuntimeError("a bug"), Leaves()])
def test_a_call_that_fails_gives_its_place_back(end: BaseException) -> None:
    async def run() -> None:
        queue = AdmissionQueue(1, 0, 60)

        async def failing(call: Call) -> Reply:
            raise end

        for _ in range(3):
            with pytest.raises(type(end)):
                await queue(call_of(), failing)
        assert counts(queue) == (0, 0)

    asyncio.run(run())


def test_a_caller_that_leaves_just_when_admitted_passes_the_place_on() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 10, 60), Upstream()
        _, second, _ = await fill(queue, upstream, *"abc")
        upstream.end()
        await until(lambda: counts(queue) == (1, 1))  # b has a place, but does not know it yet
        assert upstream.callers() == []
        second.cancel()
        await settle_down()
        assert upstream.callers() == ["c"]
        assert counts(queue) == (1, 0)

    asyncio.run(run())


def test_a_caller_that_leaves_while_waiting_leaves_no_gap() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 10, 60), Upstream()
        _, second, third, _ = await fill(queue, upstream, *"abcd")
        second.cancel()
        third.cancel()
        upstream.end()  # at the same moment
        await settle_down()
        assert upstream.callers() == ["d"]
        assert counts(queue) == (1, 0)

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(20))
def test_in_random_runs_no_place_is_lost_or_invented(seed: int) -> None:
    async def run() -> None:
        chance, slots = random.Random(seed), 3
        queue, upstream = AdmissionQueue(slots, 5, chance.choice([0.001, 60])), Upstream()
        tasks = list[asyncio.Task[Reply]]()
        for _ in range(400):
            what = chance.random()
            if what < 0.5:
                tasks.append(send(queue, upstream, call_of(chance.choice("aaabc"))))
            elif what < 0.7 and tasks:
                chance.choice(tasks).cancel()
            elif upstream.callers():
                upstream.end(chance.choice([None, UpstreamFault("500")]))
            for _ in range(chance.choice([0, 0, 1, 5])):
                await asyncio.sleep(0)
            in_use, waiting = counts(queue)
            assert len(upstream.callers()) <= slots >= in_use
            assert waiting <= 5
        while not all(task.done() for task in tasks):
            if upstream.callers():
                upstream.end()
            await asyncio.sleep(0)
        assert counts(queue) == (0, 0)
        assert {type(task.exception()) for task in tasks if not task.cancelled()} <= {
            type(None),
            Overloaded,
            UpstreamFault,
        }

    asyncio.run(run())


def shed(reason: str) -> float:
    return REGISTRY.get_sample_value("gateway_shed_total", {"reason": reason}) or 0.0


def test_refusals_are_counted_by_reason() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 1, 0.02), Upstream()
        before = shed("queue_full"), shed("queue_timeout")
        tasks = await fill(queue, upstream, *"aba")
        await asyncio.wait(tasks[1:])
        assert (shed("queue_full") - before[0], shed("queue_timeout") - before[1]) == (1, 1)

    asyncio.run(run())
