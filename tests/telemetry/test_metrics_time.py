"""Rates over the last ten seconds, seconds in the queue, and many simultaneous requests for the page."""

import asyncio
import threading
import time

import pytest
from prometheus_client import REGISTRY

from shared.layers.admission_queue import AdmissionQueue
from shared.telemetry import process_metrics
from shared.telemetry.exposition import Exposition
from shared.telemetry.process_metrics import ProcessMetrics
from tests.resilience.stage import Upstream, call_of, send, settle_down, until


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        return time.process_time()


def said(name: str) -> float:
    value = REGISTRY.get_sample_value(name)
    assert value is not None
    return value


def test_tokens_a_second_are_those_of_the_last_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        clock, worker = Clock(), ProcessMetrics()
        monkeypatch.setattr(process_metrics, "time", clock)

        def second(tokens: int = 0) -> float:
            worker.tokens += tokens
            clock.now += 1
            worker.tell()
            return said("inference_tokens_per_second")

        worker.begin()
        assert second(300) == 300  # it has been measuring for one second only
        assert [second() for _ in range(9)] == pytest.approx([300 / seconds for seconds in range(2, 11)])
        assert second() == 0
        assert said("process_uptime_seconds") == 11
        worker.end()

    asyncio.run(run())


def test_a_call_knows_how_long_it_waited_for_a_place() -> None:
    async def run() -> None:
        queue, upstream = AdmissionQueue(1, 1, 60), Upstream()
        first, second = call_of("ana"), call_of("berta")
        replies = [send(queue, upstream, first), send(queue, upstream, second)]
        await until(lambda: said("inference_queue_depth") == 1)
        upstream.end()
        await until(lambda: upstream.callers() == ["berta"])
        upstream.end()
        await asyncio.gather(*replies)
        assert first.queued_seconds == 0 < second.queued_seconds

    asyncio.run(run())


def test_one_page_is_made_at_a_time_and_no_request_gets_an_older_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        may_end = threading.Event()
        exposition, made, begun, loop = Exposition(), 0, asyncio.Event(), asyncio.get_running_loop()

        def write(in_openmetrics: bool) -> bytes:
            nonlocal made
            made += 1
            loop.call_soon_threadsafe(begun.set)
            number = made
            may_end.wait()  # on its own thread
            return str(number).encode()

        monkeypatch.setattr(exposition, "_write", write)
        first = asyncio.create_task(exposition.page(""))
        await begun.wait()
        asking = [asyncio.create_task(exposition.page("")) for _ in range(20)]
        await settle_down()  # all ask while the first page is being made
        assert made == 1
        may_end.set()
        later = await asyncio.gather(*asking)
        assert (await first)[0] == b"1"
        assert {page for page, _ in later} == {b"2"}

    asyncio.run(run())
