"""`python -m loadtests.bench_cache`: hits and misses of the response cache beside a FastAPI route that only validates.

As `make bench`: one core each, interleaved rounds, medians; read the ratios. The upstream answers at once, so a miss
here is the gateway's own work and nothing else; a model takes hundreds of milliseconds more.
`--build` names another stack, `--redis` puts the cache in a Redis of its own.
"""

import argparse
import statistics
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench import GATEWAY_CPU, LOAD_CPU, WRK, Measurement, load, machine, pin, resident_mb, static_upstream
from workshop.processes import CannotStart, Process, free_port, gateway
from workshop.redis_server import RedisServer

ROUNDS = 5
CONNECTIONS = (1, 16)
BAR = 0.7  # of the validating route's throughput, at 16 connections

# High enough to let the load pass; the limiter does its work all the same.
MOST = str(10**9)
NO_LIMITS = dict.fromkeys(("RATE_LIMIT_RPM", "RATE_LIMIT_ANONYMOUS_RPM", "RATE_LIMIT_RPH", "RATE_LIMIT_TPM"), MOST)

# Every request of its own: nothing that it asks is in the cache.
NEW_PROMPTS = """
local number, begun = 0, os.time()
request = function()
  number = number + 1
  local prompt = string.format("Explain time-outs in two lines, take %d of %d", number, begun)
  local body = '{"prompt":"' .. prompt .. '","model":"workshop-tiny","temperature":0,"max_tokens":100}'
  return wrk.format(nil, nil, nil, body)
end
"""


@dataclass(slots=True, frozen=True)
class Way:
    """A way to be answered: by which server, to which requests."""

    name: str
    process: Process
    url: str
    script: Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench_cache")
    parser.add_argument("--build", default="demos.demo_3_caching.app:build", help="the stack to measure")
    parser.add_argument("--redis", action="store_true", help="keep answers in Redis instead of in memory")
    options = parser.parse_args()
    try:
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
    same, new = folder / "same.lua", folder / "new.lua"
    same.write_text(WRK)
    new.write_text(WRK + NEW_PROMPTS)
    port, other_port = free_port(), free_port()
    cached = gateway(build, port=port, environment=settings, output=folder / "gateway.log")
    command = [sys.executable, "-m", "uvicorn", "loadtests.validation:app", "--port", str(other_port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    validates = Process("the validating route", command, f"http://127.0.0.1:{other_port}/health")
    for process in (cached, validates):
        running.enter_context(process)
        pin(process.pid, GATEWAY_CPU)
    url, other_url = f"http://127.0.0.1:{port}/generate", f"http://127.0.0.1:{other_port}/generate"
    return [
        Way("cache hit", cached, url, same),
        Way("cache miss", cached, url, new),
        Way("FastAPI, validates and answers", validates, other_url, same),
    ]


def _measure(ways: list[Way]) -> dict[tuple[str, int], list[Measurement]]:
    measured: dict[tuple[str, int], list[Measurement]] = {}
    for way in ways:
        load(way.url, 16, way.script, seconds=2)  # warm up
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
        for connections in CONNECTIONS:
            for way in ways:
                result = load(way.url, connections, way.script, seconds=3)
                if result.errors:
                    raise CannotStart(f"{way.name} failed {result.errors} requests: nothing to compare")
                measured.setdefault((way.name, connections), []).append(result)
    return measured


def _table(ways: list[Way], measured: dict[tuple[str, int], list[Measurement]]) -> str:
    """The results for people, in Markdown."""
    lines = [
        f"{machine()}; one core each (server {GATEWAY_CPU}, load {LOAD_CPU}), medians of {ROUNDS} rounds",
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
