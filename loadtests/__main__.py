"""`make load-N`: run demo N's Locust scenario against a service, and say which gates it passed.

In a terminal, a table shows how far it is. It leaves a folder with a page and a JSON file, see result.py.

Without --url the demo is started here, on free ports, in front of the embedded model or of the demo's own cluster.
`--json` prints one JSON object, {"summary": {...}, "gates": [{"name","passed","expected","got"}], "folder": "…"}, and
nothing else.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from loadtests import result
from loadtests.report import OURS
from loadtests.screen import Screen, headline, table, whole
from loadtests.timeline import Request
from shared.process.this_machine import is_ours
from workshop import direct
from workshop.demo import DEMOS, build_path, config_path
from workshop.processes import ROOT, CannotStart, child_environment, free_port, gateway, model_server
from workshop.serving_cluster import free_ports, ray_serve, token_file
from workshop.sidecars import EMBEDDED_MODEL, SERVING_PORT_OFFSET, TRY_SECONDS
from workshop.translation.phrases import say
from workshop.translation.sentences import told
from workshop.urls import BadUrl, service_url

LONGEST_RUN = 300  # seconds
PROBE_SECONDS = 5.0  # for a service's first answer


@dataclass(slots=True, frozen=True)
class Scenario:
    """A locustfile, and how many people it sends. The settings are for what we start: the service, the models."""

    file: str
    users: int
    service: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    callers: tuple[str, ...] = ()  # whose tokens are in TOKENS; made here if the service is started here
    cluster: bool = False  # Ray Serve answers, and the embedded model is its fallback
    announced: str = ""  # said to a person who will have to wait


UNLIMITED = {"RATE_LIMIT_ANONYMOUS_RPM": "1000000", "RATE_LIMIT_RPM": "1000000", "RATE_LIMIT_TPM": "1000000000"}
# A slow model, as large ones are: the savings of a cache are measured against it.
LARGE_MODEL = {"SIM_TTFT_MS": "300", "SIM_TPOT_MS": "5", "SIM_SLOTS": "32"}

SHORT_WINDOW = {"RATE_LIMIT_WINDOW_SEC": "2", "RATE_LIMIT_RPM": "30", "RATE_LIMIT_BURST": "6", "MODEL": "workshop-sim"}
QUICK_MODEL = {"LOCAL_MODELS": "workshop-sim", "SIM_TTFT_MS": "5", "SIM_TPOT_MS": "1"}
# A model about as fast as on GPUs, and not always at the same pace.
PACED_MODEL = {
    "LOCAL_MODELS": "workshop-sim",
    "SIM_TTFT_MS": "150",
    "SIM_TPOT_MS": "15",
    "SIM_JITTER": "0.3",
    "SIM_SLOTS": "64",
    "SIM_OUTPUT_TOKENS": "120",
}

# Everything that can be counted: four workers, some answers that take longer than the deadline, and no retries.
WATCHED = {
    "MODEL": "workshop-sim",
    "UVICORN_WORKERS": "4",
    "TIMEOUT": "0.5",
    "TIMEOUT_MAX": "0.5",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "100000",
    "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
    **UNLIMITED,
    "RATE_LIMIT_RPH": "10000000",
    "RATE_LIMIT_TPM": "1200000",  # for all four together; one request may ask for more than its worker's share
}
TALKATIVE_MODEL = {**QUICK_MODEL, "SIM_SLOTS": "64", "SIM_OUTPUT_TOKENS": "2000"}

SCENARIOS = {
    1: Scenario("demo_1.py", users=10),
    2: Scenario("demo_2.py", users=10, service=SHORT_WINDOW, models=QUICK_MODEL, callers=("greedy", "modest")),
    3: Scenario("demo_3.py", users=8, service={"MODEL": "workshop-sim", **UNLIMITED}, models=LARGE_MODEL),
    4: Scenario("demo_4.py", users=1, service={"MODEL": "workshop-sim", **UNLIMITED}, models=PACED_MODEL),
    5: Scenario("demo_5.py", users=1, service=WATCHED, models=TALKATIVE_MODEL),
    6: Scenario(
        "demo_6.py",
        users=1,
        service=UNLIMITED,
        cluster=True,
        announced="calm, a spike until there is one more replica, calm until it is gone: a minute and a half, or two",
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make load-N")
    parser.add_argument("number", type=int, choices=SCENARIOS)
    parser.add_argument("--url", help="a running service; without it one is started")
    parser.add_argument("--solution", choices=["reference", "exercise"], default="reference")
    parser.add_argument("--seed", type=int, help="for other questions in the same proportions")
    parser.add_argument("--folder", type=Path, help="where the report goes; without it, a new one in build/load")
    parser.add_argument("--json", action="store_true", help="print the gates as JSON")
    options = parser.parse_args()
    screen = Screen(sys.stdout, f"demo {options.number}") if sys.stdout.isatty() and not options.json else None
    try:
        with ExitStack() as running:
            url = service_url(options.url) if options.url else ""
            tokens, serving_port = None, _serving_port(url)
            if not url:
                url, tokens, serving_port = running.enter_context(_demo(options.number, options.solution))
            if announced := SCENARIOS[options.number].announced:
                print(told(announced), file=sys.stderr, flush=True)
            if screen:
                running.callback(screen.clear)  # before anything else is printed
            show = screen.show if screen else None
            report = run(SCENARIOS[options.number], url, tokens, serving_port, seed=options.seed, show=show)
            made = result.result(options.number, report, _around(options), result.versions_of(url))
    except (CannotStart, BadUrl) as reason:
        print(told(str(reason)), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{say('stopped')}", file=sys.stderr)
        return 130
    folder = _kept(made, report["picture"], options.folder)
    print(_for_machines(report, folder) if options.json else _for_people(report, made, folder))
    return int(not all(gate["passed"] for gate in report["gates"]))


def _kept(made: result.Result, picture: str, folder: Path | None) -> Path | None:
    """Where the files are, from here. None if they cannot be written: the gates are worth printing all the same."""
    try:
        place = result.write(made, picture, folder)
    except OSError as fault:
        print(say("the report cannot be written: {fault}", fault=fault), file=sys.stderr)
        return None
    return place.relative_to(ROOT) if place.is_relative_to(ROOT) else place


def run(
    scenario: Scenario,
    url: str,
    tokens: str | None = None,
    serving_port: int | None = None,
    *,
    seed: int | None = None,
    show: Callable[[Mapping[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Send the people. Raises CannotStart if nothing answers, or if Locust itself fails.

    Without `tokens`, TOKENS has them. `serving_port` is the port of the cluster behind the service. `show` gets the
    numbers each second.
    """
    if reason := direct.silence(f"{url}/health", PROBE_SECONDS):
        raise CannotStart(f"{url} does not answer at /health: {reason}")
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests" / scenario.file), "--headless"]
    command += ["--users", str(scenario.users), "--spawn-rate", str(scenario.users), "--host", url]
    command += ["--run-time", str(LONGEST_RUN), "--only-summary", "--loglevel", "WARNING"]
    own = {"SERVING_PORT": str(serving_port or ""), "LOAD_PROGRESS": str(int(show is not None))}
    own |= ({} if tokens is None else {"TOKENS": tokens}) | ({} if seed is None else {"LOAD_SEED": str(seed)})
    host = urllib.parse.urlsplit(url).hostname or ""
    environment = child_environment(own, *([host] if is_ours(host) else []))
    # Its stderr goes to a file: a pipe that nobody reads yet would hold it up once it is full.
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        locust = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT, env=environment)
        try:
            report = _listen(locust.stdout, show)
        except BaseException:
            locust.kill()
            raise
        finally:
            locust.wait()
        if report is None:
            said.seek(0)
            raise CannotStart((said.read().strip().splitlines() or ["locust printed no gates"])[-1])
    return report


def _listen(printed: IO[str] | None, show: Callable[[Mapping[str, Any]], None] | None) -> dict[str, Any] | None:
    """What it prints last, with the gates; None if it prints none."""
    report = None
    for line in printed or ():
        if line.startswith('{"progress"') and show:
            show(json.loads(line)["progress"])
        elif line.startswith('{"summary"'):
            report = json.loads(line)
    return report


def _around(options: argparse.Namespace) -> dict[str, str]:
    """The settings around the scenario: of a service that somebody else started, we know the URL alone."""
    if options.url:
        return {"url": service_url(options.url), **result.from_environment()}
    scenario = SCENARIOS[options.number]
    return {"solution": options.solution, **scenario.service, **scenario.models, **result.from_environment()}


@contextmanager
def _demo(number: int, solution: str) -> Iterator[tuple[str, str, int | None]]:
    """The demo on a free port, its callers' tokens, separated by spaces, and its cluster's port, if it has one."""
    scenario = SCENARIOS[number]
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        logs = Path(name)
        port, model_port = free_port(), free_port()
        serving_port = free_ports() if scenario.cluster else None
        if serving_port:
            print(say("starting Ray Serve"), file=sys.stderr, flush=True)
            running.enter_context(ray_serve(serving_port, config_path(DEMOS[number], solution)))
        environment = {
            **_upstreams(model_port, serving_port),
            "LOG_FILE": str(logs / "logs.json"),
            "DATABASE_URL": f"sqlite:///{logs / 'workshop.db'}",
            **scenario.service,
        }
        build = build_path(DEMOS[number], solution)
        tokens = [_token(user, environment) for user in scenario.callers]
        running.enter_context(model_server(port=model_port, environment=scenario.models, output=logs / "model.log"))
        running.enter_context(gateway(build, port=port, environment=environment, output=logs / "gateway.log"))
        yield f"http://127.0.0.1:{port}", " ".join(tokens), serving_port


def _upstreams(model_port: int, serving_port: int | None) -> dict[str, str]:
    """The upstreams as the demo sets them."""
    model = f"http://127.0.0.1:{model_port}/v1"
    if serving_port is None:
        return {"OPENAI_BASE_URL": model}
    return {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{serving_port}/v1",
        "FALLBACKS": f"{EMBEDDED_MODEL}@{model}",
        "TRY_TIMEOUT": TRY_SECONDS,
    }


def _serving_port(url: str) -> int | None:
    """The port of the cluster behind a demo that `make demo-N` started on this machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.hostname not in {"localhost", "127.0.0.1"} or not parts.port:
        return None
    port = parts.port + SERVING_PORT_OFFSET
    return port if token_file(port).exists() else None


def _token(user: str, environment: Mapping[str, str]) -> str:
    command = [sys.executable, "-m", "shared.accounts", "create", user]
    made = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=child_environment(environment), check=False
    )
    if made.returncode:
        raise CannotStart(made.stderr.strip())
    return made.stdout.strip()


def _for_machines(report: Mapping[str, Any], folder: Path | None) -> str:
    told = {name: report[name] for name in ("summary", "gates", "remarks") if name in report}
    return json.dumps({**told, "folder": folder and str(folder)})


def _for_people(report: Mapping[str, Any], made: Mapping[str, Any], folder: Path | None) -> str:
    numbers = whole([Request(**row) for row in report["requests"]], made)
    seed = say("the same questions each time") if report["seed"] is None else say("seed {seed}", seed=report["seed"])
    settings = " · ".join([seed, *(f"{told(name)}: {told(str(value))}" for name, value in report["settings"].items())])
    lines = [headline(f"demo {made[OURS]['scenario']}", numbers), settings, *table(numbers), ""]
    lines.append(" · ".join(f"{name} {value:g}" for name, value in report["summary"].items()))
    for gate in report["gates"]:
        lines.append(f"{'✓' if gate['passed'] else '✗'} {told(gate['name'])}")
        if not gate["passed"]:
            lines.append(f"    {say('expected') + ':':<9} {told(gate['expected'])}")
            lines.append(f"    {say('got') + ':':<9} {told(gate['got'])}")
    lines += map(told, report.get("remarks", []))
    if folder:
        lines.append(say("Report: {file}", file=folder / result.REPORT))
    passed = sum(gate["passed"] for gate in report["gates"])
    return "\n".join([*lines, say("Gates: {passed}/{all}", passed=passed, all=len(report["gates"]))])


if __name__ == "__main__":
    sys.exit(main())
