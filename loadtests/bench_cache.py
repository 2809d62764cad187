"""`python -m loadtests.bench_cache`: hits and misses of the response cache beside a FastAPI route that only validates.

Like `make bench`: one core each, interleaved rounds, medians; read the ratios. The upstream answers at once, so a miss
here is only the gateway's own work; a model takes hundreds of milliseconds more.
`--build` names another stack, `--redis` puts the cache in a Redis of its own.
"""

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench import cores
from loadtests.bench.consumption import resident_mb
from loadtests.bench.contenders import NO_LIMITS, uvicorn
from loadtests.bench.load import Measurement, load, same
from loadtests.bench.static import static_upstream
from loadtests.bench.target import Target
from workshop.processes import CannotStart, Process, free_port, gateway
from workshop.redis_server import RedisServer

ROUNDS = 5
CONNECTIONS = (1, 16)
BAR = 0.7  # of the validating route's throughput, at 16 connections

SAME_PROMPT = same(json.dumps({"prompt": "Explain time-outs in two lines", "temperature": 0, "max_tokens": 100}))
# Every request is unique: nothing that it asks is in the cache.
NEW_PROMPT = (
    SAME_PROMPT
    + """
local number, begun = 0, os.time()
request = function()
  number = number + 1
  local prompt = string.format("Explain time-outs in two lines, take %d of %d", number, begun)
  local body = '{"prompt":"' .. prompt .. '","temperature":0,"max_tokens":100}'
  return wrk.format(nil, nil, nil, body)
end
"""
)


@dataclass(slots=True, frozen=True)
class Way:
    """A way to get an answer: from which server, to which requests."""

    name: str
    process: Process
    target: Target
    script: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench_cache")
    parser.add_argument("--build", default="demos.demo_3_caching.app:build", help="the stack to measure")
    parser.add_argument("--redis", action="store_true", help="keep answers in Redis instead of in memory")
    options = parser.parse_args()
    try:
        cores.keep_to_the_rest()
        with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
            ways = _start(running, Path(folder), options.build, redis=options.redis)
            measured = _measure(ways)
            print(_table(ways, measured))
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    hits, validates = measured[ways[0].name, 16], measured[ways[-1].name, 16]
    ratio = statistics.median(a.rps / b.rps for a, b in zip(hits, validates, strict=True))
    print(f"\na hit ÷ a route that only validates, at 16 connections: {ratio:.2f} (bar in memory: {BAR})")
    return int(ratio < BAR)


def _start(running: ExitStack, folder: Path, build: str, *, redis: bool) -> list[Way]:
    upstream = running.enter_context(static_upstream(folder))
    settings = {"OPENAI_BASE_URL": upstream, "LOG_FILE": str(folder / "logs.json"), **NO_LIMITS}
    settings["DATABASE_URL"] = f"sqlite:///{folder / 'workshop.db'}"
    if redis:
        settings |= {"CACHE_BACKEND": "redis", "REDIS_URL": running.enter_context(RedisServer()).url}
    port = free_port()
    cached = cores.measured(gateway(build, port=port, environment=settings, output=folder / "gateway.log"))
    validates, url = uvicorn("the validating route", "loadtests.validation:app", {}, folder / "validation.log")
    for process in (cached, validates):
        running.enter_context(process)
    ours = Target("the gateway", f"http://127.0.0.1:{port}/generate")
    other = Target("the validating route", f"{url}/generate")
    return [
        Way("cache hit", cached, ours, SAME_PROMPT),
        Way("cache miss", cached, ours, NEW_PROMPT),
        Way("FastAPI, validates and answers", validates, other, SAME_PROMPT),
    ]


def _measure(ways: list[Way]) -> dict[tuple[str, int], list[Measurement]]:
    measured: dict[tuple[str, int], list[Measurement]] = {}
    for way in ways:
        load(way.target, 16, 2, way.script)  # warm up
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
        for connections in CONNECTIONS:
            for way in ways:
                result = load(way.target, connections, 3, way.script)
                measured.setdefault((way.name, connections), []).append(result)
    return measured


def _table(ways: list[Way], measured: dict[tuple[str, int], list[Measurement]]) -> str:
    """The results for people, in Markdown."""
    lines = [
        f"{cores.machine()}; one core for each server, another for the load; medians of {ROUNDS} rounds",
        "",
        "| | req/s at 1 | at 16 | p50 at 1 | p99 at 1 | memory |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for way in ways:
        rates = [statistics.median(m.rps for m in measured[way.name, connections]) for connections in CONNECTIONS]
        p50 = statistics.median(m.p50_us for m in measured[way.name, 1]) / 1000
        p99 = statistics.median(m.p99_us for m in measured[way.name, 1]) / 1000
        memory = resident_mb(way.process.pid)
        lines.append(
            f"| {way.name} | {rates[0]:.0f} | {rates[1]:.0f} | {p50:.2f} ms | {p99:.2f} ms | {memory:.0f} MB |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
