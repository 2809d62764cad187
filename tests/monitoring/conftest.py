"""Demo 5 under traffic: four workers, a failing upstream, a healthy fallback, and a Prometheus that watches them.

It also watches engines that are only recorded pages, see replay.py.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.monitoring.promql import PrometheusAt
from tests.monitoring.replay import RECORDED, told_again
from tests.monitoring.traffic import Traffic
from workshop.grader.callers import Desk
from workshop.grader.launch import embedded_server, started
from workshop.processes import free_port
from workshop.prometheus import RULES, prometheus

BUILD = "demos.demo_5_observability.app:build"
INTERVAL = "500ms"
# The rules look minutes, hours and days back, and some only once a minute; these tests do not wait that long.
BEFORE = re.compile(r"offset \d+[mh]")
SLOWER = re.compile(r"^    interval: .*\n", re.MULTILINE)

SETTINGS = {
    "UVICORN_WORKERS": "4",
    "HTTP_MAX_CONNECTIONS": "2",
    "QUEUE_MAX_SIZE": "1",
    "MAX_RETRIES": "1",
    "RETRY_DELAY": "0.05",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "3",
    "CIRCUIT_BREAKER_TIMEOUT_SEC": "0.5",
    "RATE_LIMIT_ANONYMOUS_RPM": "5",
    "RATE_LIMIT_RPM": "100000",
    "RATE_LIMIT_TPM": "10000000",
    "WEBHOOK_HMAC_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
BOTH_MODELS = {"LOCAL_MODELS": "workshop-tiny,workshop-sim"}  # only the real model makes batches
# Half of the calls succeed.
ILL = {"mix": [{"status": 429, "rate": 0.2}, {"status": 500, "rate": 0.2}, {"reset": True, "rate": 0.1}]}


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusAt]:
    folder = tmp_path_factory.mktemp("watched")
    desk = Desk(folder)
    token = desk.create("ana").token
    with ExitStack() as running:
        ill = running.enter_context(embedded_server(settings=BOTH_MODELS))
        well = running.enter_context(embedded_server(key="", settings=BOTH_MODELS))
        settings = {**SETTINGS, "FALLBACKS": f"@{well.url}/v1"}
        subject = running.enter_context(started(BUILD, ill, settings, desk))
        running.enter_context(subject.upstream.fault(ILL))
        running.enter_context(Traffic(subject.service.url, token))
        targets = {"gateway": subject.service.url, "model": well.url}
        targets |= {job: running.enter_context(told_again(job)) for job in RECORDED}
        port = free_port()
        running.enter_context(
            prometheus(
                port=port,
                folder=folder / "prometheus",
                targets={job: url.removeprefix("http://") for job, url in targets.items()},
                interval=INTERVAL,
                rules=hastened(folder),
                output=folder / "prometheus.txt",
            )
        )
        yield PrometheusAt(f"http://127.0.0.1:{port}")


def hastened(folder: Path) -> list[Path]:
    """Our rules for a service with a past of one second."""
    copies = []
    for rule in RULES:
        copy = folder / rule.name
        copy.write_text(SLOWER.sub("", BEFORE.sub("offset 1s", rule.read_text())))
        copies.append(copy)
    return copies
