"""Measures what batching gains: `python -m serving.local.batching_gain`, or `--vary BATCH_FLUSH_TIMEOUT_MS=0,20,200`.

In: a setting and the values to compare. Out: a Markdown table, tokens per second and latency at each concurrency.
Each value gets its own server. They are measured in turns, so that a slow minute of the machine affects all of them;
the table shows medians. Uses only HTTP, as any client would.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import aiohttp

QUESTIONS = (
    "What is a cache for?",
    "¿Por qué es útil la caché en LLM?",
    "Why do we retry?",
    "How does a rate limit work?",
    "¿Qué es un token?",
    "What does Ray Serve do?",
)


@dataclass(slots=True)
class Round:
    """What the callers saw in one measurement. Times in seconds."""

    tokens: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    first_tokens: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def row(self) -> tuple[float, float, float, float]:
        return (
            self.tokens / self.seconds,
            statistics.median(self.latencies) * 1000,
            statistics.median(self.first_tokens) * 1000,
            statistics.quantiles(self.gaps, n=100)[98] * 1000,
        )


@contextmanager
def server(setting: str, value: str) -> Iterator[str]:
    command = [sys.executable, "-m", "serving.local", "--models", "workshop-tiny", "--port", "0"]
    process = subprocess.Popen(command, env={**os.environ, setting: value}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise SystemExit(1)  # the server has printed the reason
        yield f"http://127.0.0.1:{json.loads(line)['port']}/v1/chat/completions"
    finally:
        process.terminate()
        process.wait()


async def measure(url: str, callers: int, seconds: float) -> Round:
    seen = Round()
    start = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(_caller(session, url, seen, start + seconds, number) for number in range(callers)))
    seen.seconds = time.perf_counter() - start
    return seen


async def _caller(session: aiohttp.ClientSession, url: str, seen: Round, end: float, number: int) -> None:
    while time.perf_counter() < end:
        await _call(session, url, seen, QUESTIONS[number % len(QUESTIONS)])
        number += 1


async def _call(session: aiohttp.ClientSession, url: str, seen: Round, question: str) -> None:
    message = {"role": "user", "content": question}
    body = {"model": "workshop-tiny", "messages": [message], "temperature": 0, "max_tokens": 64, "stream": True}
    body["stream_options"] = {"include_usage": True}
    sent = last = time.perf_counter()
    async with session.post(url, json=body) as answer:
        answer.raise_for_status()
        async for line in answer.content:
            now = time.perf_counter()
            if b'"usage":{' in line:
                seen.tokens += json.loads(line[6:])["usage"]["completion_tokens"]
            elif b'"delta":{"content"' in line:
                (seen.first_tokens if last == sent else seen.gaps).append(now - last)
                last = now
    seen.latencies.append(time.perf_counter() - sent)


async def compare(urls: dict[str, str], concurrency: list[int], repeats: int, seconds: float) -> None:
    print("| concurrency | value | tokens/s | p50 latency, ms | p50 first token, ms | p99 gap, ms |")
    print("|--:|--:|--:|--:|--:|--:|")
    for callers in concurrency:
        rounds: dict[str, list[tuple[float, ...]]] = {value: [] for value in urls}
        for _ in range(repeats):
            for value, url in urls.items():
                rounds[value].append((await measure(url, callers, seconds)).row())
        for value, rows in rounds.items():
            speed, latency, first, gap = (statistics.median(column) for column in zip(*rows, strict=True))
            print(f"| {callers} | {value} | {speed:,.0f} | {latency:.1f} | {first:.1f} | {gap:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--vary", default="BATCH_MAX_SIZE=1,8,32", metavar="SETTING=A,B,C")
    parser.add_argument("--concurrency", default="1,8,32")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    given = parser.parse_args()
    setting, _, values = given.vary.partition("=")
    concurrency = [int(callers) for callers in given.concurrency.split(",")]
    print(f"{setting}, {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, medians of {given.repeats}\n")
    with ExitStack() as stack:
        urls = {value: stack.enter_context(server(setting, value)) for value in values.split(",")}
        asyncio.run(compare(urls, concurrency, given.repeats, given.seconds))


if __name__ == "__main__":
    main()
