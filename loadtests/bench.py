"""`make bench`: the gateway beside a bare pass-through, in one run, on pinned cores, in front of one static upstream.

Each contender has CPU 0 to itself; wrk and an nginx that answers at once share CPU 1. Rounds are interleaved and
medians taken, because machines are noisy: read the ratios, not the numbers. Prints a table, and writes
loadtests/results/bench.json.
"""

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workshop.processes import ROOT, CannotStart, Process, free_port, gateway
from workshop.programs import PROGRAMS

RESULTS = ROOT / "loadtests" / "results" / "bench.json"
ROUNDS = 5
SECONDS = 4
CONNECTIONS = (1, 16, 64)
GATEWAY_CPU, LOAD_CPU = 0, 1
BAR = 0.5  # of the pass-through's throughput, at 16 connections

ANSWER = json.dumps(
    {
        "id": "chatcmpl-static",
        "object": "chat.completion",
        "created": 0,
        "model": "workshop-tiny",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "static " * 40}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 40, "total_tokens": 52},
    }
)

NGINX = """
worker_processes 1; pid {folder}/nginx.pid; error_log stderr crit; daemon off;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type application/json;
    location /health {{ return 200 '{{}}'; }}
    location / {{ return 200 '{answer}'; }}
  }}
}}
"""

WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"prompt":"Explain time-outs in two lines","model":"workshop-tiny","temperature":0,"max_tokens":100}'
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("RESULT %d %d %.1f %.1f %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(slots=True, frozen=True)
class Contender:
    name: str
    version: str
    process: Process
    url: str


@dataclass(slots=True, frozen=True)
class Measurement:
    """Requests a second, microseconds, and requests that did not end in 2xx."""

    rps: float
    p50_us: float
    p99_us: float
    errors: int


def main() -> int:
    missing = [name for name in ("wrk", "nginx") if PROGRAMS[name].path() is None]
    if missing or not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        print(f"make bench needs Linux, two cores, wrk and nginx; missing: {', '.join(missing) or 'cores to pin to'}")
        return 1
    try:
        report = run()
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    report["table"] = table(report)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    print(report["table"])
    ratio = report["contenders"][0]["connections"]["16"]["ratio"]
    print("\n`make reference` puts this table into the README")
    print(f"gateway ÷ pass-through at 16 connections: {ratio:.2f} (bar: {BAR})")
    return int(ratio < BAR)


def run() -> dict[str, Any]:
    """Measure everyone; the report that is written."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        upstream = running.enter_context(static_upstream(folder))
        contenders = [_gateway(upstream, folder), _passthrough(upstream, folder)]
        for contender in contenders:
            running.enter_context(contender.process)
            pin(contender.process.pid, GATEWAY_CPU)
        script = folder / "load.lua"
        script.write_text(WRK)
        measured = _interleave(contenders, script)
        memory = {contender.name: resident_mb(contender.process.pid) for contender in contenders}
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "rounds": ROUNDS,
        "seconds_a_round": SECONDS,
        "contenders": [_summary(c, measured, memory[c.name], contenders[-1].name) for c in contenders],
    }


def table(report: dict[str, Any]) -> str:
    """The report for people, in Markdown."""
    lines = [
        f"{report['date']}, {report['machine']}; medians of {report['rounds']} rounds",
        "",
        "| | version | req/s at 1 | at 16 | at 64 | p50 at 1 | p99 at 1 | memory | ratio at 16 |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in report["contenders"]:
        at = row["connections"]
        rates = " | ".join(f"{at[str(connections)]['rps']:.0f}" for connections in CONNECTIONS)
        alone = f"{at['1']['p50_us'] / 1000:.2f} ms | {at['1']['p99_us'] / 1000:.2f} ms"
        lines.append(
            f"| {row['name']} | {row['version']} | {rates} | {alone} "
            f"| {row['memory_mb']:.0f} MB | {at['16']['ratio']:.2f} |"
        )
    return "\n".join(lines)


@contextmanager
def static_upstream(folder: Path) -> Iterator[str]:
    """An nginx that answers every POST with the same completion; yields its base URL."""
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, answer=ANSWER))
    binary = PROGRAMS["nginx"].path()
    assert binary is not None
    url = f"http://127.0.0.1:{port}"
    command = [binary, "-c", str(configuration), "-p", str(folder)]
    with Process("nginx", command, f"{url}/health", output=folder / "nginx.log") as nginx:
        for pid in [nginx.pid, *children(nginx.pid)]:
            pin(pid, LOAD_CPU)
        yield f"{url}/v1"


def load(url: str, connections: int, script: Path, seconds: float = SECONDS) -> Measurement:
    """One round of wrk."""
    command = [
        "taskset",
        "-c",
        str(LOAD_CPU),
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-s",
        str(script),
        url,
    ]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", printed)
    assert found is not None, printed
    requests, microseconds, p50, p99, errors = map(float, found.groups())
    return Measurement(requests / (microseconds / 1e6), p50, p99, int(errors))


def _gateway(upstream: str, folder: Path) -> Contender:
    port = free_port()
    environment = {"OPENAI_BASE_URL": upstream, "LOG_FILE": str(folder / "logs.json")}
    build = "demos.demo_1_guarded.app:build"
    process = gateway(build, port=port, environment=environment, output=folder / "gateway.log")
    return Contender("demo 1", "this", process, f"http://127.0.0.1:{port}/generate")


def _passthrough(upstream: str, folder: Path) -> Contender:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "loadtests.passthrough:app", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    process = Process(
        "the pass-through", command, f"{url}/health", {"OPENAI_BASE_URL": upstream}, output=folder / "passthrough.log"
    )
    return Contender("bare pass-through", f"aiohttp {version('aiohttp')}", process, f"{url}/generate")


def _interleave(contenders: list[Contender], script: Path) -> dict[tuple[str, int], list[Measurement]]:
    measured: dict[tuple[str, int], list[Measurement]] = {}
    for contender in contenders:
        load(contender.url, 16, script, seconds=2)  # warm up
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", file=sys.stderr)
        for connections in CONNECTIONS:
            for contender in contenders:
                result = load(contender.url, connections, script)
                if result.errors:
                    raise CannotStart(f"{contender.name} failed {result.errors} requests: nothing to compare")
                measured.setdefault((contender.name, connections), []).append(result)
    return measured


def _summary(
    contender: Contender, measured: dict[tuple[str, int], list[Measurement]], memory_mb: float, baseline: str
) -> dict[str, Any]:
    at = {}
    for connections in CONNECTIONS:
        own, base = measured[contender.name, connections], measured[baseline, connections]
        at[str(connections)] = {
            "rps": statistics.median(m.rps for m in own),
            "p50_us": statistics.median(m.p50_us for m in own),
            "p99_us": statistics.median(m.p99_us for m in own),
            # Of the same round: what slowed the machine down slowed both.
            "ratio": statistics.median(m.rps / b.rps for m, b in zip(own, base, strict=True)),
        }
    return {"name": contender.name, "version": contender.version, "memory_mb": memory_mb, "connections": at}


def pin(pid: int, cpu: int) -> None:
    """Give every thread of `pid` one CPU."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cpu})


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_mb(pid: int) -> float:
    """Resident memory in MB, from /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def machine() -> str:
    """The CPU's name, the cores we may use, the Python."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = found.group(1) if found else platform.machine()
    return f"{name}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
