"""The export to a collector that is dead, frozen, late or refuses traces: it may cost traces, but never a request."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.telemetry import exporter
from shared.telemetry.exporter import MOST_AT_ONCE, MOST_WAITING, Exporter
from shared.telemetry.otlp_endpoint import read_endpoint
from shared.telemetry.trace import Trace
from shared.telemetry.trace_context import new_trace_id
from tests.fork_server import gateway
from tests.telemetry.collector import Collector, collector
from tests.telemetry.test_tracing import BUILD, UNBOUNDED
from tests.waiting import wait_for, wait_on_loop
from workshop.grader.launch import SIMULATOR, ModelServer, embedded_server
from workshop.grader.service import Service
from workshop.grader.traces import Traces
from workshop.processes import Process, free_port

PATIENCE = 60.0  # seconds
GONE, BACK = "the trace collector takes no traces; some will be lost", "the trace collector is back"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "FLUSH_SECONDS", 0.02)
    monkeypatch.setattr(exporter, "WAITS", (0.05, 0.1, 0.2))


@pytest.fixture
def receiver() -> Iterator[Collector]:
    with collector(listens=False) as receiver:
        yield receiver


@asynccontextmanager
async def exporting(receiver: Collector) -> AsyncIterator[Exporter]:
    exporter = Exporter(read_endpoint(receiver.url))
    await exporter.open()
    try:
        yield exporter
    finally:
        await asyncio.wait_for(exporter.close(), PATIENCE)


def make_trace(name: str = "POST /generate") -> Trace:
    now = time.perf_counter()
    return Trace(new_trace_id(), True, now - 0.01, name=name, ended=now)


def test_traces_are_sent_in_batches_and_those_that_wait_at_the_end_too(receiver: Collector) -> None:
    receiver.listen()
    traces = [make_trace() for _ in range(2 * MOST_AT_ONCE + 1)]

    async def send() -> None:
        async with exporting(receiver) as exporter:
            for trace in traces:
                exporter.add(trace)

    asyncio.run(send())
    assert {span.trace_id for span in receiver.spans()} == {trace.id for trace in traces}
    assert len(receiver.bodies) == 3
    times = [(span.started, span.ended) for span in receiver.spans()]
    assert all(0 < time.time_ns() - ended < 60e9 and ended - started == pytest.approx(10e6) for started, ended in times)


def test_a_collector_that_starts_late_misses_nothing(receiver: Collector, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    traces = [make_trace() for _ in range(10)]

    async def send() -> None:
        async with exporting(receiver) as exporter:
            for trace in traces:
                exporter.add(trace)
            await wait_on_loop(lambda: GONE in caplog.messages)
            receiver.listen()
            await wait_on_loop(lambda: BACK in caplog.messages)

    asyncio.run(send())
    assert {span.trace_id for span in receiver.spans()} == {trace.id for trace in traces}
    assert caplog.messages == [GONE, BACK]
    assert caplog.records[1].__dict__["fields"]["lost"] == 0


def test_a_dead_collector_is_logged_once_however_much_is_lost(
    receiver: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    async def send() -> None:
        async with exporting(receiver) as exporter:
            for _ in range(5):
                for _ in range(MOST_AT_ONCE):
                    exporter.add(make_trace())
                await wait_on_loop(lambda: exporter.lost >= MOST_AT_ONCE)

    asyncio.run(send())
    assert caplog.messages == [GONE]
    said = caplog.records[0].__dict__["fields"]
    assert said["collector"] == receiver.url.removeprefix("http://")
    assert "Connect" in said["reason"]


def test_a_frozen_collector_neither_fills_the_memory_nor_delays_the_end(
    receiver: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.freeze()

    async def send() -> int:
        async with exporting(receiver) as exporter:
            for _ in range(MOST_WAITING + 500):
                exporter.add(make_trace())
            return exporter.lost

    assert asyncio.run(send()) == 500
    assert caplog.messages == [GONE]


def test_refused_traces_are_not_sent_again_but_the_next_ones_are_sent(
    receiver: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    receiver.listen()
    receiver.status = 400
    refused, taken = make_trace(), make_trace()

    async def send() -> None:
        async with exporting(receiver) as exporter:
            exporter.add(refused)
            await wait_on_loop(lambda: exporter.lost == 1)
            receiver.status = 200
            exporter.add(taken)
            await wait_on_loop(lambda: BACK in caplog.messages)

    asyncio.run(send())
    assert [span.trace_id for span in receiver.spans()] == [taken.id]
    assert caplog.messages == [GONE, BACK]
    assert caplog.records[1].__dict__["fields"]["lost"] == 1


def test_traces_are_sent_again_to_a_busy_collector(receiver: Collector, caplog: pytest.LogCaptureFixture) -> None:
    receiver.listen()
    receiver.status = 503
    trace = make_trace()

    async def send() -> None:
        async with exporting(receiver) as exporter:
            exporter.add(trace)
            await wait_on_loop(lambda: GONE in caplog.messages)
            receiver.status = 200
            await wait_on_loop(lambda: bool(receiver.bodies))

    asyncio.run(send())
    assert [span.trace_id for span in receiver.spans()] == [trace.id]


def test_a_trace_that_cannot_be_encoded_does_not_lose_others(
    receiver: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.listen()
    good = [make_trace(), make_trace()]

    async def send() -> None:
        async with exporting(receiver) as exporter:
            for trace in (good[0], make_trace(name="\ud800"), good[1]):
                exporter.add(trace)

    asyncio.run(send())
    assert [span.trace_id for span in receiver.spans()] == [trace.id for trace in good]
    assert "a bug" in caplog.text


# --- the whole service ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


def service(server: ModelServer, folder: Path, port: int, endpoint: str, workers: int) -> Process:
    settings = {
        **UNBOUNDED,
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": server.key,
        "MODEL": SIMULATOR,
        "LOG_FILE": "-",
        "DATABASE_URL": f"sqlite:///{folder / 'workshop.db'}",
        "OTLP_ENDPOINT": endpoint,
        "TRACE_SAMPLE_RATIO": "1",
        "UVICORN_WORKERS": str(workers),
    }
    return gateway(BUILD, port=port, environment=settings, output=folder / "gateway.txt")


def said(folder: Path) -> list[str]:
    lines = (folder / "gateway.txt").read_text().splitlines()
    return [document["message"] for line in lines if "message" in (document := json.loads(line))]


def test_four_workers_with_a_frozen_collector_answer_and_stop_on_sigterm(
    server: ModelServer, receiver: Collector, tmp_path: Path
) -> None:
    receiver.freeze()
    port = free_port()
    with service(server, tmp_path, port, receiver.url, workers=4) as process:
        client = Service(f"http://127.0.0.1:{port}")
        for _ in range(20):
            assert client.post("/generate", {"prompt": "Hola", "max_tokens": 5}).status == 200
        client.close()
        os.kill(process.pid, signal.SIGTERM)
        wait_for(lambda: process.exit_status() is not None, "the service has ended")
        assert process.exit_status() == 0
    assert GONE in said(tmp_path), "the traces that are lost at the end are reported, too"


def test_a_restarted_collector_gets_the_traces_of_the_meantime(server: ModelServer, tmp_path: Path) -> None:
    port, traces_port = free_port(), free_port()
    url = f"http://127.0.0.1:{traces_port}"
    command = [sys.executable, "-m", "serving.traces", "--port", str(traces_port)]
    first, second = (
        Process("the trace receiver", command, f"{url}/health", output=tmp_path / "traces.txt") for _ in range(2)
    )
    with service(server, tmp_path, port, url, workers=1):
        client, traces = Service(f"http://127.0.0.1:{port}"), Traces(url)
        with first:
            client.post("/generate", {"prompt": "Hola", "max_tokens": 5})
            os.kill(first.pid, signal.SIGKILL)
            wait_for(lambda: first.exit_status() is not None, "the receiver is dead")
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        assert client.post("/generate", {"prompt": "Hola"}, headers={"traceparent": parent}).status == 200
        wait_for(lambda: GONE in said(tmp_path), "the service says so")
        with second:
            trace = traces.of(parent[3:35], within=PATIENCE)
            assert trace is not None
            assert trace.of_kind("SERVER")
        traces.close()
        client.close()
