"""SIGTERM under streams: some end in time, the others get an error, new ones are refused, and nothing remains."""

import asyncio
import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import orjson
import psutil
import pytest

from tests.stress.client import GENERATE, ROUTES, STREAMS, Route, Seen, ask, connections
from tests.stress.gateway import Gateway, running
from tests.stress.simulator import simulator
from tests.waiting import wait_for
from workshop.grader.upstream import Gate, Upstream

CLIENTS = 40
TOKENS = 50
PACE = {"slots": 1000, "ttft_ms": 0, "tpot_ms": 0}


async def in_flight_when_told(
    gateway: Gateway, upstream: Upstream, routes: Sequence[Route], *, may_end: bool
) -> list[Seen]:
    """Asks, sends SIGTERM when all calls are in flight, and waits until new ones are refused. Then calls may end."""
    with upstream.held(hold_after_tokens=1) as gate:
        async with connections() as session:
            seen = await _asked(gateway, gate, session, routes, may_end)
        # The upstream must not answer calls before the gateway cancels them.
        await asyncio.to_thread(gate.wait_for, 0)
        return seen


async def _asked(
    gateway: Gateway, gate: Gate, session: aiohttp.ClientSession, routes: Sequence[Route], may_end: bool
) -> list[Seen]:
    asked = [
        asyncio.create_task(
            ask(session, gateway.url, routes[number % len(routes)], f"last.{number}", max_tokens=TOKENS)
        )
        for number in range(CLIENTS)
    ]
    await asyncio.to_thread(gate.wait_for, CLIENTS)
    os.kill(gateway.process.pid, signal.SIGTERM)
    await asyncio.to_thread(wait_for, lambda: refuses(gateway.port))
    if may_end:
        gate.release()
    return await asyncio.gather(*asked)


def refuses(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def ends(gateway: Gateway) -> Iterator[None]:
    """Inside the block the gateway ends with status 0, together with all processes that it started."""
    started = psutil.Process(gateway.process.pid).children(recursive=True)
    yield
    wait_for(lambda: gateway.process.exit_status() is not None)
    assert gateway.process.exit_status() == 0
    wait_for(lambda: not any(map(runs, started)), what=lambda: list(filter(runs, started)))


def runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_streams_that_can_end_in_time_do_and_new_ones_are_refused(tmp_path: Path) -> None:
    with (
        simulator(tmp_path, PACE) as upstream,
        running(upstream.url, tmp_path, TIMEOUT="100") as gateway,
    ):
        with ends(gateway):
            seen = asyncio.run(in_flight_when_told(gateway, upstream, ROUTES, may_end=True))
        wrong = [f"{one.request_id}: {one.wrong() or one.status}" for one in seen if not one.complete]
        assert not wrong, "\n".join(wrong[:5])
        assert [line["outcome"] for line in gateway.lines()] == ["finished"] * CLIENTS
        assert upstream.register()["in_flight"] == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_calls_that_cannot_end_in_time_get_an_error_and_are_cancelled(workers: str, tmp_path: Path) -> None:
    with (
        simulator(tmp_path, PACE) as upstream,
        running(upstream.url, tmp_path, UVICORN_WORKERS=workers) as gateway,
    ):
        with ends(gateway):
            seen = asyncio.run(in_flight_when_told(gateway, upstream, (*STREAMS, GENERATE), may_end=False))
        wrong = [f"{one.request_id} {one.status}: {why}" for one in seen if (why := one.wrong())]
        assert not wrong, f"{len(wrong)} of {CLIENTS}\n" + "\n".join(wrong[:5])
        for one in seen:
            assert not one.complete
            error = orjson.loads(one.payloads()[-1] if one.route.stream else one.body)["error"]
            assert error["code"] == "shutting_down"
        wait_for(lambda: upstream.register()["in_flight"] == 0, what=upstream.register)
        assert upstream.register()["cancelled"] == CLIENTS
        lines = Counter((line["outcome"], line["status"], line["error"]) for line in gateway.lines())
        streams = sum(one.route.stream for one in seen)
        expected = {("cut", 503, "shutting_down"): streams, ("failed", 503, "shutting_down"): CLIENTS - streams}
        assert lines == expected, "each call has a line in the log"
