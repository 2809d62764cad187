"""Many requests at once, from many connections, spread over the processes that share a limit."""

import asyncio
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import aiohttp

from workshop.grader.launch import ModelServer
from workshop.processes import Process, free_port, gateway


class Answer(NamedTuple):
    gateway: int
    status: int
    headers: Mapping[str, str]
    started: float  # seconds, on the clock of time.perf_counter()
    took: float


@dataclass
class Gateways:
    """Processes of tests/limits/app.py."""

    urls: list[str]
    outputs: list[Path]

    def metric(self, gateway: int, name: str) -> float:
        text = self.get(gateway, "/metrics")
        match = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(match[1]) if match else 0.0

    def get(self, gateway: int, path: str) -> str:
        with urllib.request.urlopen(self.urls[gateway] + path, timeout=60) as response:
            body: bytes = response.read()
            return body.decode()

    def lines(self, gateway: int, containing: str) -> list[str]:
        """The process's log lines that contain this text."""
        return [line for line in self.outputs[gateway].read_text().splitlines() if containing in line]


@contextmanager
def gateways(count: int, server: ModelServer, folder: Path, **environment: str) -> Iterator[Gateways]:
    """`count` processes, like the workers of one server."""
    with ExitStack() as running:
        urls, outputs = [], []
        for number in range(count):
            port, output = free_port(), folder / f"gateway-{number}.txt"
            settings = {
                "OPENAI_BASE_URL": f"{server.url}/v1",
                "OPENAI_API_KEY": server.key,
                "MODEL": "workshop-sim",
                "LOG_FILE": "-",
                "LIMIT_WORKERS": str(count),
                **environment,
            }
            process: Process = gateway("tests.limits.app:build", port=port, environment=settings, output=output)
            running.enter_context(process)
            urls.append(f"http://127.0.0.1:{port}")
            outputs.append(output)
        yield Gateways(urls, outputs)


async def crowd(
    gateways: Gateways,
    requests: int,
    *,
    tenant: str = "ana",
    connections: int = 50,
    seconds: float = 0.0,
    meanwhile: Callable[[int], None] | None = None,
) -> list[Answer]:
    """Send `requests`, spread over `seconds`; `meanwhile` gets the number of each before it is sent."""
    numbers = iter(range(requests))
    turns = cycle(range(len(gateways.urls)))
    answers: list[Answer] = []
    started = time.perf_counter()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:

        async def one_connection() -> None:
            for number in numbers:
                if (early := number / requests * seconds - (time.perf_counter() - started)) > 0:
                    await asyncio.sleep(early)
                if meanwhile:
                    meanwhile(number)
                answers.append(await ask(session, gateways, next(turns), tenant))

        await asyncio.gather(*(one_connection() for _ in range(connections)))
    return answers


async def ask(session: aiohttp.ClientSession, gateways: Gateways, gateway: int, tenant: str) -> Answer:
    started = time.perf_counter()
    body = {"prompt": "hola", "max_tokens": 5}
    url = gateways.urls[gateway] + "/generate"
    async with session.post(url, json=body, headers={"X-Tenant": tenant}) as response:
        await response.read()
        return Answer(gateway, response.status, response.headers.copy(), started, time.perf_counter() - started)
