"""The load of whole answers: wrk, as fast as the connections allow."""

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench.target import Target, body
from workshop.processes import CannotStart

PATIENCE = 60  # seconds

REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("RESULT %d %d %.1f %.1f %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(slots=True, frozen=True)
class Measurement:
    """Answered requests, requests per second, latencies in microseconds, and requests without a 2xx answer."""

    requests: int
    rps: float
    p50_us: float
    p99_us: float
    errors: int


def same(content: str) -> str:
    """The Lua script that makes wrk send this body in each request."""
    return f"wrk.body = {json.dumps(content)}\n"


def in_turn(keys: Path, content: str, first: int) -> str:
    """The Lua script that sends this body as one caller after the other, beginning with the one of number `first`.

    `keys` has a line for the key of each.
    """
    return f"""
wrk.body = {json.dumps(content)}
local keys, last = {{}}, {first}
for key in io.lines({json.dumps(str(keys))}) do keys[#keys + 1] = "Bearer " .. key end
request = function()
  wrk.headers["Authorization"] = keys[last % #keys + 1]
  last = last + 1
  return wrk.format()
end
"""


CHAT = same(body("Explain time-outs in two lines"))


def load(target: Target, connections: int, seconds: float, script: str = CHAT) -> Measurement:
    """One round of `script`. Raises CannotStart if requests fail: there is nothing to compare then."""
    headers = _headers(target)
    measured = _wrk(target.url, connections, seconds, headers + script + REPORT)
    while not measured.requests and not measured.errors and seconds < PATIENCE:  # slower than that: give it longer
        seconds *= 4
        measured = _wrk(target.url, connections, seconds, headers + script + REPORT)
    if measured.errors or not measured.requests:
        raise CannotStart(
            f"{target.name} failed {measured.errors} requests, and answered {measured.requests}: nothing to compare"
        )
    return measured


def _headers(target: Target) -> str:
    headers = {"Content-Type": "application/json", **target.headers}
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n" for name, value in headers.items()]
    return 'wrk.method = "POST"\n' + "".join(lines)


def _wrk(url: str, connections: int, seconds: float, script: str) -> Measurement:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", f"--timeout={PATIENCE}s", "-s", file.name, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", done.stdout)
    if found is None:
        raise CannotStart(f"wrk measured nothing at {url}: {(done.stderr or done.stdout).strip()}")
    requests, microseconds, p50, p99, errors = map(float, found.groups())
    return Measurement(int(requests), requests / (microseconds / 1e6), p50, p99, int(errors))
