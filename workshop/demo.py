"""`make demo-N`: start everything that a demo needs, say what to try, run until Ctrl-C, stop everything.

In: the demo's number and the settings. If the demo cannot start: one line on stderr, and exit status 1.
"""

if __name__ == "__main__":
    from workshop import stopping

    stopping.end_quietly()  # the imports below take a second with a blank screen, which invites a Ctrl-C

import argparse
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from shared.process.listener import CannotListen, bound
from shared.settings import BadSetting, Settings, load_settings
from workshop import direct, sample_traffic, stopping
from workshop.descendants import end_at_once
from workshop.processes import (
    GATEWAY,
    ROOT,
    CannotStart,
    Process,
    adopt_orphans,
    gateway,
    model_server,
    stop_all,
)
from workshop.progress import snapshot
from workshop.progress.labs import LABS
from workshop.serving_cluster import LAPTOP
from workshop.sidecars import (
    RUN,
    Sidecar,
    Stage,
    alert_forwarder,
    emptied,
    prometheus_server,
    serving_cluster,
    trace_receiver,
)
from workshop.stopping import Stopped
from workshop.translation.phrases import say
from workshop.translation.sentences import told
from workshop.urls import reached_at, shown_at

MODEL_PORT_OFFSET = 100  # the embedded model server listens at PORT + 100
LOOK_SECONDS = 0.2
SILENT_SECONDS = 5.0  # a process may take this long to end before we say what we wait for
LONG_SECONDS = 15.0  # if a process may take longer than this to end, we say so at once
OWN_CONFIG = "serve.yaml"  # in an exercise's folder


@dataclass(slots=True, frozen=True)
class Demo:
    """What to start, and what to tell the person who started it. With `traffic`, the demo sends itself a few requests.
    One that `balances` knows UPSTREAMS.

    `collector` takes the spans of all the others, so it starts before them and ends after them. `upstream` starts
    before the gateway and serves it, with the embedded model as the fallback. `sidecars` start after the gateway.
    """

    package: str
    try_this: tuple[str, ...]
    collector: Sidecar | None = None
    upstream: Sidecar | None = None
    sidecars: tuple[Sidecar, ...] = ()
    traffic: bool = False
    balances: bool = False


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

SEEN = (
    "curl {url}/metrics",
    "curl {url}/health",
    "# in a browser: {url}/playground   {url}/playground/traces   {url}/playground/dashboards",
)

DEPLOYED = (STREAMED[1], *SEEN[1:])

DEMOS = {
    1: Demo("demo_1_guarded", ("curl {url}/health", GENERATE)),
    2: Demo("demo_2_who_and_how_often", AS_ANA),
    3: Demo("demo_3_caching", (TWICE, "curl {url}/cache/stats")),
    4: Demo("demo_4_streaming", STREAMED, balances=True),
    5: Demo(
        "demo_5_observability",
        SEEN,
        collector=trace_receiver,
        sidecars=(prometheus_server, alert_forwarder),
        traffic=True,
        balances=True,
    ),
    6: Demo(
        "demo_6_ray_serve_vllm",
        DEPLOYED,
        collector=trace_receiver,
        upstream=serving_cluster,
        sidecars=(prometheus_server, alert_forwarder),
        traffic=True,
        balances=True,
    ),
}


def build_path(demo: Demo, solution: str) -> str:
    """Where the demo's `build` is: the reference's, or with `exercise` the attendee's own."""
    return f"demos.{demo.package}.{'exercise.' if solution == 'exercise' else ''}app:build"


def config_path(demo: Demo, solution: str) -> Path:
    """What Ray Serve deploys: the reference's file, or with `exercise` the attendee's own."""
    return _exercise(demo) / OWN_CONFIG if solution == "exercise" else LAPTOP


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo-N")
    parser.add_argument("number", type=int, choices=DEMOS)
    parser.add_argument("--solution", choices=["reference", "exercise"], default="reference")
    parser.add_argument("--config", type=Path, help="what Ray Serve deploys, from demo 6 on")
    options = parser.parse_args(arguments)
    demo, solution = DEMOS[options.number], options.solution
    return until_stopped(lambda: run(demo, options.number, solution, load_settings(), options.config))


def until_stopped(work: Callable[[], None]) -> int:
    """Do the work until a signal ends it, and leave nothing running. Returns the exit status.

    A failure is one line on stderr. Ctrl-C is one line and status 0: it is how a demo ends.
    """
    adopt_orphans()
    stopping.listen(end_at_once)
    status = 0
    try:
        try:
            work()
        except (CannotStart, CannotListen, BadSetting) as reason:
            status = 1
            if str(reason):
                print(told(str(reason)), file=sys.stderr)
        finally:
            stop_all()
    except Stopped:
        stop_all()
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(say("stopped"), file=sys.stderr)
    return status


def run(demo: Demo, number: int, solution: str, settings: Settings, config: Path | None = None) -> None:
    """Start, print, wait. Raises CannotStart, or Stopped on a signal; either way nothing is left running."""
    own_rules: tuple[Path, ...] = ()
    if solution == "exercise":
        own_rules = tuple(sorted(_exercise(demo).glob("*.yml")))
    config = config or config_path(demo, solution)
    with started(demo, build_path(demo, solution), settings, own_rules, config=config) as running:
        _tell(demo, number, running.stage)
        if demo.traffic and not own_upstream(demo, settings):  # your own upstream may cost money
            sample_traffic.begin(reached_at(settings.host, settings.port))
        running.stay()


def own_upstream(demo: Demo, settings: Settings) -> str:
    """What answers in place of the embedded model; empty: nothing does."""
    return (settings.upstreams if demo.balances else "") or settings.openai_base_url


@dataclass(slots=True, frozen=True)
class Running:
    """A running demo: its stage, and its processes."""

    stage: Stage
    processes: Sequence[Process]

    def stay(self) -> None:
        """Wait. Raises Stopped on a signal, and CannotStart if one of the processes ends on its own."""
        while True:
            for process in self.processes:
                if (status := process.exit_status()) is not None:
                    raise CannotStart(f"{process.name} ended by itself with exit status {status}; stopping the rest")
            time.sleep(LOOK_SECONDS)


@contextmanager
def started(
    demo: Demo,
    build: str,
    settings: Settings,
    own_rules: tuple[Path, ...] = (),
    output: Path | None = None,
    config: Path | None = None,
) -> Iterator[Running]:
    """Everything the demo needs, with the service that `build` makes, which prints to `output`. Raises CannotStart."""
    if settings.port == 0:
        raise CannotStart("PORT=0: a demo needs a port that it can tell you; write PORT=8000, or another free one")
    _claim(settings.port, "PORT", settings.host)
    stage = Stage(settings, claim=_claim, own_rules=own_rules, config=config or LAPTOP)
    _show_progress(demo, stage)
    to_start = [process for start in (demo.collector,) if start and (process := start(stage))]
    if not own_upstream(demo, settings):
        model_port = settings.port + MODEL_PORT_OFFSET
        stage.claim(model_port, f"PORT (the embedded model listens {MODEL_PORT_OFFSET} above it)")
        stage.targets["model"] = f"127.0.0.1:{model_port}"
        # Its output would mix with the request log. If it cannot start, its last words are printed all the same.
        to_start.append(model_server(port=model_port, output=emptied(RUN / f"model-server-{model_port}.log")))
        stage.environment["OPENAI_BASE_URL"] = f"http://127.0.0.1:{model_port}/v1"
    if demo.upstream and (upstream := demo.upstream(stage)):
        to_start.append(upstream)
    # What the sidecars tell the gateway is known before it starts; the sidecars themselves start after it.
    sidecars = [process for sidecar in demo.sidecars if (process := sidecar(stage))]
    to_start.append(
        gateway(build, host=settings.host, port=settings.port, environment=stage.environment, output=output)
    )
    with ExitStack() as running:
        yield Running(stage, [running.enter_context(_aloud(process)) for process in (*to_start, *sidecars)])


def _show_progress(demo: Demo, stage: Stage) -> None:
    """Where the playground finds what `make progress` says. Grading and hints write it again."""
    if stage.settings.env == "development" and not stage.says("PROGRESS_FILE"):
        folder = f"demos/{demo.package}"
        snapshot.write(running=next(lab.number for lab in LABS.values() if lab.folder == folder))
        stage.environment["PROGRESS_FILE"] = str(snapshot.place())


@contextmanager
def _aloud(process: Process) -> Iterator[Process]:
    """Runs it inside the block. We say so if it ends slowly; a gateway on our terminal reports that itself."""
    process.start()
    try:
        yield process
    finally:
        seconds = 0 if process.grace > LONG_SECONDS else SILENT_SECONDS
        slow = threading.Timer(seconds, _say_that_it_stops, (process,))
        slow.daemon = True
        if process.output or process.name != GATEWAY:
            slow.start()
        process.stop()
        slow.cancel()


def _say_that_it_stops(process: Process) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        name, seconds = told(process.name), f"{process.grace:g}"
        line = say("stopping {name}: at most {seconds} s; Ctrl-C again ends at once", name=name, seconds=seconds)
        print(line, file=sys.stderr, flush=True)


def _tell(demo: Demo, number: int, stage: Stage) -> None:
    settings = stage.settings
    upstream = own_upstream(demo, settings) or stage.environment["OPENAI_BASE_URL"]
    url = shown_at(settings.host, settings.port)
    lab, model = LABS[number], f"{say('model')}: {settings.model}"
    print(f"\nDemo {number} · {lab.read().title}   {url}   upstream: {upstream}   {model}")
    print(say("The lab: {page}", page=lab.translated()) + "\n" + say("Try:") + "\n")
    for command in (*demo.try_this, *stage.look):
        print(f"  {told(command.format(url=url))}")
    if note := _proxy_note(url):
        print(f"\n{note}")
    print("\n" + _where_the_log_is(settings) + "\n", flush=True)


def _exercise(demo: Demo) -> Path:
    """What the attendee writes: rules for Prometheus, a config file for Ray Serve."""
    return ROOT / "demos" / demo.package / "exercise"


def _where_the_log_is(settings: Settings) -> str:
    if settings.log_file == "-":
        return say("Each request prints one log line below. Ctrl-C stops everything.")
    return say("Each request prints one log line below and in {file}. Ctrl-C stops everything.", file=settings.log_file)


def _proxy_note(url: str) -> str:
    """For people whose own clients use the environment's proxy: a proxy cannot reach services on this machine."""
    host = urlsplit(url).hostname or ""
    variable = direct.proxy_for(os.environ, host)
    if not variable:
        return ""
    return say(
        "{variable} is set: tell curl and other clients to come here directly: export NO_PROXY={hosts}",
        variable=variable,
        hosts=",".join(dict.fromkeys(["localhost", "127.0.0.1", host])),
    )


def _claim(port: int, name: str, host: str = "127.0.0.1") -> None:
    """Check that this port is free. Raises CannotListen."""
    bound(host, port, name).close()


if __name__ == "__main__":
    sys.exit(main())
