"""Clients that leave at any time leave nothing behind: no call at the upstream, no place, no task, no socket."""

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.stress.client import GENERATE, ROUTES, STREAMS, Route, Seen, ask, connections
from tests.stress.gateway import Gateway, running
from tests.stress.simulator import simulator
from tests.waiting import Stopwatch, wait_for
from workshop.grader.upstream import Gate

CLIENTS = 90  # the upstream's register keeps only the last hundred calls
ROUNDS = 3
BRIEF = "0.3"  # seconds for which an idle connection to the upstream is kept
FEW = 5  # descriptors or tasks; a leak would leave 27 in each round
CANCELLED_WITHIN = 2.0  # seconds; for one of them, a client that wants one answer may still wait for it
SLOW = {"slots": 1000, "ttft_ms": 0, "tpot_ms": 20, "output_tokens": 4000}
SHORT, LONG = 50, 4000  # tokens: a second, and more than a minute, so that no client leaves too late

# Of ten clients in a row, these leave: before the first token, in the middle of a stream, and before a whole answer.
EARLY, AMID, UNARY = 2, 5, 8


class Round:
    """Clients, some of which leave: `stayed` has the replies to the others, `left` the times of leaving."""

    def __init__(self, gateway: Gateway, gate: Gate, name: str) -> None:
        self.stayed: list[Seen] = []
        self.left: dict[str, float] = {}
        self._gateway = gateway
        self._gate = gate
        self._name = name
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        async with connections() as session:
            await asyncio.gather(self._watch(), *(self._client(session, number) for number in range(CLIENTS)))

    async def _watch(self) -> None:
        """When the upstream has all calls, the early leavers leave; then the others are answered."""
        await asyncio.to_thread(self._gate.wait_for, CLIENTS)
        self._arrived.set()
        await asyncio.to_thread(self._gate.wait_for, CLIENTS - 2 * CLIENTS // 10)
        self._gate.release()

    async def _client(self, session: aiohttp.ClientSession, number: int) -> None:
        request_id = f"{self._name}.{number}"
        stream = STREAMS[number // 10 % 2]
        match number % 10:
            case kind if kind == EARLY:
                await self._leave_early(session, stream, request_id)
            case kind if kind == UNARY:
                await self._leave_early(session, GENERATE, request_id)
            case kind if kind == AMID:
                async with self._post(session, stream, request_id, LONG) as response:
                    for _ in range(3):
                        assert await response.content.readany()
                    response.close()
                    self.left[request_id] = time.time()
            case _:
                route = ROUTES[number % len(ROUTES)]
                self.stayed.append(await ask(session, self._gateway.url, route, request_id, max_tokens=SHORT))

    async def _leave_early(self, session: aiohttp.ClientSession, route: Route, request_id: str) -> None:
        async def answer() -> None:
            async with self._post(session, route, request_id):
                raise AssertionError("the answer came before the client left")

        asking = asyncio.create_task(answer())
        await self._arrived.wait()
        asking.cancel()
        await asyncio.wait([asking])
        self.left[request_id] = time.time()

    def _post(self, session: aiohttp.ClientSession, route: Route, request_id: str, tokens: int = SHORT) -> Any:
        url, headers = self._gateway.url + route.path, {"X-Request-ID": request_id}
        return session.post(url, json=route.body("Hola", tokens), headers=headers)


@pytest.mark.parametrize("keepalive", [BRIEF, "30"])
def test_a_client_that_leaves_is_cancelled_at_the_upstream_charged_and_gone(keepalive: str, tmp_path: Path) -> None:
    """Kept idle connections to the upstream are reused; all others are closed."""
    with (
        simulator(tmp_path, SLOW) as upstream,
        running(upstream.url, tmp_path, HTTP_KEEPALIVE_EXPIRY=keepalive, STREAM_KEEPALIVE_SEC="0.1") as gateway,
    ):
        port, descriptors, tasks = int(upstream.url.rpartition(":")[2]), [], []
        for number in range(ROUNDS):
            stopwatch = Stopwatch(gateway.process.pid)
            with upstream.held() as gate:
                clients = Round(gateway, gate, f"round.{number}")
                asyncio.run(clients.run())
            wrong = [f"{one.request_id}: {one.wrong() or one.status}" for one in clients.stayed if not one.complete]
            assert not wrong, "clients that stayed were disturbed: " + "\n".join(wrong[:5])
            wait_for(lambda: upstream.register()["in_flight"] == 0, what=upstream.register)
            register = upstream.register()
            ended = {call["x_request_id"]: call["started"] + call["duration_s"] for call in register["last"]}
            most = CANCELLED_WITHIN + stopwatch.starved
            late = {name: ended[name] - when for name, when in clients.left.items() if ended[name] - when > most}
            assert not late, f"cancelled too late: {late}"
            assert register["cancelled"] == len(clients.left) == 3 * CLIENTS // 10
            wait_for(lambda: gateway.clients() == 0 and gateway.places() == (0, 0), what=gateway.places)
            if keepalive == BRIEF:
                wait_for(lambda: gateway.connections_to(port) == 0, what=lambda: "sockets to the upstream are left")
            descriptors.append(gateway.descriptors())
            tasks.append(gateway.tasks())
        assert descriptors[-1] < descriptors[0] + FEW, f"descriptors after each round: {descriptors}"
        assert tasks[-1] < tasks[0] + FEW, f"tasks after each round: {tasks}"

        wait_for(lambda: len(gateway.lines()) == CLIENTS * ROUNDS, what=lambda: len(gateway.lines()))
        gone = [line for line in gateway.lines() if line["outcome"] == "left"]
        assert len(gone) == ROUNDS * 3 * CLIENTS // 10
        assert {line["status"] for line in gone} == {499}
        for line in gone:
            amid = line["request_id"].endswith(str(AMID))
            assert (line["tokens_output"] > 0) == amid, f"booked: {line}"
            assert (line["cost_usd"] > 0) == amid, f"booked: {line}"
            assert (line["response_length"] > 0) == amid, f"booked: {line}"
