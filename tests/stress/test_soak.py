"""Everything at once, at full speed, for as long as you like: memory does not grow.

SOAK_SECONDS sets the duration. Half a minute is enough to find a leak of two kilobytes per request.
"""

import asyncio
import itertools
import os
import random
import statistics
import time
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.stress.client import CHAT_STREAM, GENERATE, ROUTES, STREAMS, ask, connections
from tests.stress.gateway import MB, Gateway, running
from tests.stress.simulator import simulator
from tests.waiting import wait_for

SECONDS = float(os.environ.get("SOAK_SECONDS", "25"))
WARM_UP = 8.0  # seconds in which caches and pools fill, and late imports happen
CLIENTS = 40
GROWTH = 1.05
PACE = {"slots": 1000, "ttft_ms": 5, "tpot_ms": 1}
ILL = {
    "mix": [
        {"status": 500, "rate": 0.05},
        {"status": 429, "rate": 0.05, "retry_after": 0.1},
        {"cut_after_tokens": 3, "rate": 0.05},
        {"garbage": "wrong-shape", "rate": 0.02},
        {"reset": True, "rate": 0.03},
    ],
    "seed": 4,
}


class Traffic:
    """People who do typical things, one after another, until `over` is set. `done` counts them."""

    def __init__(self, gateway: Gateway) -> None:
        self.done: Counter[str] = Counter()
        self.over = False
        self._gateway = gateway
        self._numbers = itertools.count()
        self._chance = random.Random(4)

    async def person(self, session: aiohttp.ClientSession) -> None:
        habits = [self.ask, self.ask, self.hit, self.leave, self.mistake, self.look]
        while not self.over:
            await self._chance.choice(habits)(session, next(self._numbers))

    async def ask(self, session: aiohttp.ClientSession, number: int) -> None:
        route = self._chance.choice(ROUTES)
        seen = await ask(session, self._gateway.url, route, f"soak.{number}", f"Hola {number}", 20)
        self.done[f"{seen.route.name} {seen.status}{'' if seen.complete or seen.status != 200 else ' cut'}"] += 1
        assert not seen.wrong(), seen.wrong()

    async def hit(self, session: aiohttp.ClientSession, number: int) -> None:
        body = {"prompt": f"Hola {self._chance.randrange(300)}", "temperature": 0, "max_tokens": 20}
        async with session.post(f"{self._gateway.url}{GENERATE.path}", json=body) as response:
            await response.read()
            self.done[f"cache {response.headers.get('X-Cache')}"] += 1

    async def leave(self, session: aiohttp.ClientSession, number: int) -> None:
        route = self._chance.choice((*STREAMS, GENERATE))
        body = route.body(f"Hola {number}", 200)
        try:
            async with asyncio.timeout(self._chance.uniform(0.005, 0.1)):
                async with session.post(f"{self._gateway.url}{route.path}", json=body) as response:
                    await response.read()
            self.done["stayed after all"] += 1
        except (TimeoutError, aiohttp.ClientError):
            self.done["left"] += 1

    async def mistake(self, session: aiohttp.ClientSession, number: int) -> None:
        mistakes: tuple[dict[str, str], ...] = (
            {},
            {"prompt": ""},
            {"prompt": "x" * 5000},
            {"prompt": "x", "model": f"none-{number}"},
        )
        async with session.post(f"{self._gateway.url}/generate", json=self._chance.choice(mistakes)) as response:
            await response.read()
            self.done[f"mistake {response.status}"] += 1

    async def look(self, session: aiohttp.ClientSession, number: int) -> None:
        for path in ("/health", "/cache/stats", "/usage", "/v1/models", "/nowhere"):
            async with session.get(f"{self._gateway.url}{path}") as response:
                await response.read()
                self.done[f"{path} {response.status}"] += 1


async def soak(gateway: Gateway, traffic: Traffic, seconds: float) -> list[int]:
    """The resident memory, sampled every quarter of a second."""
    samples: list[int] = []
    ends = time.monotonic() + seconds
    async with connections() as session:
        people = [asyncio.create_task(traffic.person(session)) for _ in range(CLIENTS)]
        while time.monotonic() < ends:
            await asyncio.sleep(0.25)
            samples.append(gateway.memory())
        traffic.over = True
        await asyncio.gather(*people)
    return samples


@pytest.mark.timeout(SECONDS + 100)
def test_under_mixed_traffic_at_full_speed_memory_does_not_grow(tmp_path: Path) -> None:
    with (
        simulator(tmp_path, PACE) as ill,
        simulator(tmp_path, PACE, "fallback") as well,
        running(
            ill.url,
            tmp_path,
            FALLBACKS=f"@{well.url}/v1",
            RETRY_DELAY="0.02",
            CACHE_MAX_SIZE="200",
            CIRCUIT_BREAKER_TIMEOUT_SEC="1",
            HTTP_KEEPALIVE_EXPIRY="1",
        ) as gateway,
        ill.fault(ILL),
    ):
        warm_up, traffic = Traffic(gateway), Traffic(gateway)
        asyncio.run(soak(gateway, warm_up, WARM_UP))
        samples = asyncio.run(soak(gateway, traffic, SECONDS))
        second_half = samples[len(samples) // 2 :]
        before, after = (
            statistics.median(second_half[: len(second_half) // 3]),
            statistics.median(second_half[-len(second_half) // 3 :]),
        )
        print(f"{sum(traffic.done.values())} requests: {dict(sorted(traffic.done.items()))}")
        print(f"{samples[0] / MB:.1f} MB, {before / MB:.1f} MB halfway, {after / MB:.1f} MB at the end")
        assert after < before * GROWTH, [round(sample / MB, 1) for sample in samples]
        assert {"left", "cache hit", f"{CHAT_STREAM.name} 200", "mistake 422"} <= set(traffic.done)
        wait_for(lambda: gateway.places() == (0, 0), what=gateway.places)
        wait_for(lambda: gateway.clients() == 0)
        for upstream in (ill, well):
            port = int(upstream.url.rpartition(":")[2])
            wait_for(lambda port=port: gateway.connections_to(port) == 0, what=lambda: "sockets are left")  # type: ignore[misc]
