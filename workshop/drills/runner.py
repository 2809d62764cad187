"""A running drill: demo 5 as always, its users, and after a while the fault.

In: a Drill. Out: what its users say, and not a word about the cause. Ends on a signal, and leaves nothing running.
"""

import json
import os
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from shared.settings import Settings, load_settings
from workshop import direct
from workshop.demo import DEMOS, started
from workshop.drills.drill import Drill
from workshop.drills.evidence import Evidence
from workshop.drills.running import Running, noted
from workshop.drills.traffic import RATE, Traffic
from workshop.processes import CannotStart
from workshop.sidecars import RUN, emptied
from workshop.translation.phrases import say, translated
from workshop.urls import reached_at, shown_at

CALM_SECONDS = 20.0
PATIENCE = 10.0  # seconds that the model server has to accept a fault

# A simulated model that takes 0.4 seconds for an answer, and callers without a token who may ask as often as they like.
SETTINGS = {
    "MODEL": "workshop-sim",
    "LOCAL_MODELS": "workshop-sim",
    "SIM_TTFT_MS": "100",
    "SIM_TPOT_MS": "10",
    "SIM_SLOTS": "64",
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPH": "1000000",
    "RATE_LIMIT_TPM": "1000000000",
}


def run(drill: Drill, calm: float) -> None:
    """Run until a signal raises Stopped. Raises CannotStart, BadSetting."""
    os.environ.update({**SETTINGS, **drill.settings})
    settings = load_settings()
    if settings.openai_base_url:
        raise CannotStart("a drill breaks its upstream, so it uses the embedded one: unset OPENAI_BASE_URL")
    printed = emptied(RUN / f"drill-{settings.port}.log")
    url = reached_at(settings.host, settings.port)
    with ExitStack() as opened:
        running = opened.enter_context(started(DEMOS[5], drill.build, settings, output=printed))
        known = running.stage.environment
        if "PROMETHEUS_URL" not in known or "TRACES_URL" not in known:
            raise CannotStart(
                "a drill needs its own Prometheus and its own trace receiver: unset yours, install Prometheus"
            )
        evidence = Evidence(known["PROMETHEUS_URL"], known["TRACES_URL"], Path(settings.log_file))
        opened.enter_context(noted(settings.port, Running(drill.name, evidence)))
        users = opened.enter_context(Traffic(url, RATE, drill.first))
        breaks = threading.Timer(calm, _break, (drill, users, known["OPENAI_BASE_URL"]))
        breaks.daemon = True
        opened.callback(breaks.cancel)
        breaks.start()
        _tell(drill, settings, evidence, printed)
        running.stay()


def _break(drill: Drill, users: Traffic, upstream: str) -> None:
    users.ask = drill.then
    if drill.fault is not None:
        faults = upstream.removesuffix("/v1") + "/admin/faults"
        request = urllib.request.Request(faults, json.dumps(drill.fault).encode(), method="PUT")
        direct.urlopen(request, PATIENCE).close()


def _tell(drill: Drill, settings: Settings, evidence: Evidence, printed: Path) -> None:
    url = shown_at(settings.host, settings.port)
    log, command = settings.log_file, f"PORT={settings.port} " * (settings.port != 8000) + "make drill-answer"
    other = os.path.relpath(printed)
    print("\n" + say("A drill: demo 5 at {url}, with users. Soon something will go wrong. They say:", url=url))
    print(f"\n  {translated(drill.complaint)}\n")
    print(say("What is it? Look, but touch nothing:") + "\n")
    print(f"  {evidence.prometheus}/graph   {say('and what would call you')}: {evidence.prometheus}/alerts")
    print(f"  {url}/playground/dashboards   {url}/playground/traces   {url}/health")
    print("  " + say("{log}, one line per request; the service's other output is in {other}", log=log, other=other))
    ending = say("When you know it, in another terminal: {command}. Ctrl-C stops everything.", command=command)
    print(f"\n{ending}\n", flush=True)
