"""Two unequal upstreams behind one gateway: how long callers wait, with each in turn and with the less busy of two.

`python -m loadtests.balancing`. Both upstreams are the embedded simulator. One takes as many calls at once as come; the
other has few places and is slower, as a smaller GPU would be. Calls come at fixed times, whether or not earlier ones
have ended, so a queue that grows is seen. The ways of choosing take turns, in several rounds.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import aiohttp

from loadtests.bench.contenders import NO_LIMITS
from loadtests.gate import percentile
from workshop.processes import free_port, gateway, model_server

WAYS = ("round_robin", "least_busy")
MODEL = "workshop-sim"
LARGE = {"SIM_TTFT_MS": "40", "SIM_TPOT_MS": "5", "SIM_SLOTS": "64"}
SMALL = {"SIM_TTFT_MS": "120", "SIM_TPOT_MS": "15", "SIM_SLOTS": "8"}
TOKENS = 20
QUESTION = {"model": MODEL, "max_tokens": TOKENS, "temperature": 0.7}
ROUNDS, SECONDS, RATE = 5, 10.0, 36.0  # in turn, the small one has nine tenths of what it can take
SETTINGS = {**NO_LIMITS, "LOG_FILE": "-", "ENV": "development"}


async def load(url: str, rate: float, seconds: float, seed: int) -> tuple[list[float], Counter[str]]:
    """The milliseconds that each call took, of Poisson arrivals, and how many each upstream answered."""
    took: list[float] = []
    answered = Counter[str]()
    chance, now = random.Random(seed), 0.0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(at: float) -> None:
            await asyncio.sleep(at)
            begun = time.perf_counter()
            body = {**QUESTION, "messages": [{"role": "user", "content": f"What is a queue? {at}"}]}
            async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                await answer.read()
                answered[answer.headers.get("X-Upstream", str(answer.status))] += 1
            took.append((time.perf_counter() - begun) * 1000)

        async with asyncio.TaskGroup() as asking:
            while (now := now + chance.expovariate(rate)) < seconds:
                asking.create_task(ask(now))
    return sorted(took), answered


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.balancing", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load, in each round and way")
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        ports = [free_port() for _ in range(2)]
        for port, speed in zip(ports, (LARGE, SMALL), strict=True):
            output = Path(folder) / f"{port}.txt"
            running.enter_context(model_server(port=port, environment={"LOCAL_MODELS": MODEL, **speed}, output=output))
        upstreams = ",".join(f"http://127.0.0.1:{port}/v1" for port in ports)
        urls = {}
        for way in WAYS:
            port = free_port()
            settings = {**SETTINGS, "UPSTREAMS": upstreams, "LOAD_BALANCING": way}
            running.enter_context(
                gateway(
                    "demos.demo_4_streaming.app:build",
                    port=port,
                    environment=settings,
                    output=Path(folder) / f"{way}.txt",
                )
            )
            urls[way] = f"http://127.0.0.1:{port}"
        p99: dict[str, list[float]] = {way: [] for way in WAYS}
        for number in range(options.rounds):
            for way in WAYS if number % 2 == 0 else WAYS[::-1]:
                took, answered = asyncio.run(load(urls[way], options.rate, options.seconds, number))
                p99[way].append(percentile(took, 99))
                shares = ", ".join(f"{answered[f'127.0.0.1:{port}']}" for port in ports)
                print(
                    f"round {number + 1}, {way}: p50 {percentile(took, 50):.0f} ms, p99 {p99[way][-1]:.0f} ms; "
                    f"large and small answered {shares} of {len(took)}",
                    flush=True,
                )
    ratios = [new / old for new, old in zip(p99["least_busy"], p99["round_robin"], strict=True)]
    print(json.dumps({way: round(statistics.median(values)) for way, values in p99.items()}))
    print(f"p99 with the less busy of two: {statistics.median(ratios):.2f} of that with each in turn")
    return 0


if __name__ == "__main__":
    sys.exit(main())
