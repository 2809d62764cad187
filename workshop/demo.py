"""`make demo-N`: start all that a demo needs, say what to try, stay until Ctrl-C, stop all of it.

In: the demo's number and the settings. What keeps it from starting is one line on stderr and exit status 1.
"""

import argparse
import signal
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from shared.settings import BadSetting, Settings, load_settings
from workshop.processes import ROOT, CannotStart, Process, gateway, model_server

MODEL_PORT_OFFSET = 100  # the embedded model server listens at PORT + 100
LOOK_SECONDS = 0.2


@dataclass(slots=True, frozen=True)
class Demo:
    """What to start, and what to tell the person who started it."""

    package: str
    title: str
    try_this: tuple[str, ...]


GENERATE = (
    "curl -X POST {url}/generate -H 'Content-Type: application/json' "
    """-d '{{"prompt":"Explica qué es FastAPI en 2 líneas","temperature":0.7,"max_tokens":100}}'"""
)

TWICE = (
    "for try in 1 2; do curl -i -X POST {url}/generate -H 'Content-Type: application/json' "
    """-d '{{"prompt":"What is a cache for?","temperature":0}}'; echo; done"""
)

AS_ANA = (
    "TOKEN=$(make -s token USER=ana | tail -n 1)",
    "curl -i -X POST {url}/generate -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
    """-d '{{"prompt":"How do rate limits work?"}}'""",
    'curl {url}/usage -H "Authorization: Bearer $TOKEN"',
)

STREAMED = (
    """curl -N {url}/generate/stream -H 'Content-Type: application/json' -d '{{"prompt":"What is a stream?"}}'""",
    "curl {url}/v1/chat/completions -H 'Content-Type: application/json' "
    """-d '{{"messages":[{{"role":"user","content":"What is a circuit breaker?"}}]}}'""",
    "# and in a browser: {url}/playground",
)

DEMOS = {
    1: Demo("demo_1_guarded", "One guarded endpoint", ("curl {url}/health", GENERATE)),
    2: Demo("demo_2_who_and_how_often", "Who may call, and how often", AS_ANA),
    3: Demo("demo_3_caching", "Pay once for the same answer", (TWICE, "curl {url}/cache/stats")),
    4: Demo("demo_4_streaming", "Streams, and a client that survives its upstream", STREAMED),
}


def build_path(demo: Demo, solution: str) -> str:
    """Where the demo's `build` is: the reference's, or the attendee's own for `exercise`."""
    return f"demos.{demo.package}.{'exercise.' if solution == 'exercise' else ''}app:build"


class Stopped(Exception):
    """Ctrl-C, or somebody asked us to end."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo-N")
    parser.add_argument("number", type=int, choices=DEMOS)
    parser.add_argument("--solution", choices=["reference", "exercise"], default="reference")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        run(DEMOS[options.number], options.number, options.solution, load_settings())
    except (CannotStart, BadSetting) as reason:
        if str(reason):
            print(reason, file=sys.stderr)
        return 1
    except Stopped:
        print("\nstopped", file=sys.stderr)
    return 0


def run(demo: Demo, number: int, solution: str, settings: Settings) -> None:
    """Start, print, wait. Raises CannotStart, or Stopped when told to stop; either way nothing is left running."""
    _must_be_free(settings.host, settings.port, "PORT")
    with ExitStack() as running:
        environment = {}
        processes = []
        upstream = settings.openai_base_url
        if not upstream:
            model_port = settings.port + MODEL_PORT_OFFSET
            _must_be_free("127.0.0.1", model_port, "PORT (the embedded model listens 100 above it)")
            # Its output would stand between the request log's lines; what keeps it from starting is said all the same.
            output = _emptied(ROOT / ".run" / f"model-server-{model_port}.log")
            processes.append(running.enter_context(model_server(port=model_port, output=output)))
            upstream = environment["OPENAI_BASE_URL"] = f"http://127.0.0.1:{model_port}/v1"
        build = build_path(demo, solution)
        processes.append(running.enter_context(gateway(build, port=settings.port, environment=environment)))
        _tell(demo, number, settings, upstream)
        _stay(processes)


def _tell(demo: Demo, number: int, settings: Settings, upstream: str) -> None:
    url = f"http://localhost:{settings.port}"
    print(f"\nDemo {number} · {demo.title}   {url}   upstream: {upstream}   model: {settings.model}")
    print(f"The lab: demos/{demo.package}/README.md\nTry:\n")
    for command in demo.try_this:
        print(f"  {command.format(url=url)}")
    print("\nOne log line a request appears below" + _also_in(settings) + ". Ctrl-C stops everything.\n", flush=True)


def _emptied(file: Path) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"")
    return file


def _also_in(settings: Settings) -> str:
    return "" if settings.log_file == "-" else f" and in {settings.log_file}"


def _stay(processes: list[Process]) -> None:
    while True:
        for process in processes:
            if (status := process.exit_status()) is not None:
                raise CannotStart(f"{process.name} ended by itself with exit status {status}; stopping the rest")
        time.sleep(LOOK_SECONDS)


def _must_be_free(host: str, port: int, name: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CannotStart(f"cannot listen on {host}:{port}: {reason}; choose another {name}") from None


def _stop(signal_number: int, frame: FrameType | None) -> None:
    # Once is enough: a second Ctrl-C while we stop things must not leave half of them running.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
