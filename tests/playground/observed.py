"""A monitored demo 5: a trace receiver gets its traces, a Prometheus scrapes it, and two alerts never end.

Prometheus also scrapes recorded pages of engines.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.monitoring.replay import RECORDED, told_again
from tests.traces.messages import Receiver
from workshop.grader.launch import ModelServer, started, trace_receiver
from workshop.grader.subject import Subject
from workshop.processes import free_port
from workshop.prometheus import prometheus

BUILD = "demos.demo_5_observability.app:build"
INTERVAL = "500ms"  # between two scrapes
HOSTILE = "<img src=x onerror='document.title=1'> \u202eevil"
ALERTS = f"""
groups:
  - name: for the tests
    rules:
      - alert: Fires
        expr: vector(1)
        labels: {{severity: page}}
        annotations: {{summary: {json.dumps(HOSTILE)}}}
      - alert: Waits
        expr: vector(1)
        for: 1h
"""


@dataclass(slots=True, frozen=True)
class Observed:
    subject: Subject
    receiver: Receiver
    prometheus: str  # its URL


@contextmanager
def observed_demo(server: ModelServer, environment: Mapping[str, str], folder: Path) -> Iterator[Observed]:
    rules = folder / "alerts.yml"
    rules.write_text(ALERTS)
    watch = free_port()
    urls = {"PROMETHEUS_URL": f"http://127.0.0.1:{watch}"}
    with trace_receiver() as traces, ExitStack() as engines:
        urls["TRACES_URL"] = traces
        pages = {job: engines.enter_context(told_again(job)) for job in RECORDED}
        with (
            started(BUILD, server, {**environment, **urls}, receiver=traces) as subject,
            prometheus(
                port=watch,
                folder=folder / "prometheus",
                targets={
                    job: url.removeprefix("http://") for job, url in {"gateway": subject.service.url, **pages}.items()
                },
                interval=INTERVAL,
                rules=[rules],
                output=folder / "prometheus.txt",
            ),
        ):
            yield Observed(subject, Receiver(traces), urls["PROMETHEUS_URL"])
