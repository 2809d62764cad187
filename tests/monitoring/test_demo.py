"""`make demo-5` as users see it: there is something to see, an alert comes all the way, and it ends cleanly."""

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.frame.conftest import demo_port, make
from tests.monitoring.promql import PrometheusAt
from tests.waiting import wait_for
from workshop.demo import MODEL_PORT_OFFSET
from workshop.processes import ROOT, answers
from workshop.sample_traffic import REQUESTS
from workshop.sidecars import PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET

PATIENCE = 40.0  # seconds
OFFSETS = (0, MODEL_PORT_OFFSET, PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def send(method: str, url: str, body: Any) -> int:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def test_demo_5_shows_its_traffic_and_receives_its_own_alerts(tmp_path: Path) -> None:
    port, log = demo_port(), tmp_path / "logs.json"
    service, traces = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + TRACES_PORT_OFFSET}"
    prometheus = PrometheusAt(f"http://127.0.0.1:{port + PROMETHEUS_PORT_OFFSET}")
    settings = {"LOG_FILE": str(log), "DATABASE_URL": f"sqlite:///{tmp_path}/workshop.db", "MAX_RETRIES": "0"}
    with make("demo-5", f"PORT={port}", folder=tmp_path, **settings) as terminal:
        terminal.wait_for("Ctrl-C stops everything")
        for look in ("/metrics", "/playground", "/playground/traces", "/playground/dashboards"):
            assert f"http://localhost:{port}{look}" in terminal.printed
            assert answers(f"{service}{look}")
        assert f"{prometheus.url}/alerts" in terminal.printed
        (by_hand,) = [line for line in terminal.printed.splitlines() if "make webhook" in line]
        # A make inside another prints its folder; a user's terminal has no outer make.
        alone = {name: value for name, value in os.environ.items() if name not in {"MAKELEVEL", "MAKEFLAGS"}}
        sent = subprocess.run(["bash", "-c", by_hand], cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
        assert sent.stdout.startswith("20"), sent.stdout + sent.stderr

        wait_for(lambda: len(get(f"{traces}/traces")) == len(REQUESTS), "a trace of each request of the demo's own")
        terminal.wait_for('"cache":"hit"')
        ids = {json.loads(line)["request_id"].partition(".")[0] for line in log.read_text().splitlines()}
        assert ids == {f"demo-traffic-{number}" for number in range(1, len(REQUESTS) + 1)}
        wait_for(lambda: prometheus.numbers("sum(up)") == [2], "both targets are up")
        wait_for(lambda: prometheus.numbers("sum(rate(inference_requests_total[1m])) > 0"), "a rate of the requests")
        assert prometheus.numbers('count_over_time(ALERTS{alertstate="firing"}[5m])') == [], "a false alarm"

        send("PUT", f"http://127.0.0.1:{port + MODEL_PORT_OFFSET}/admin/faults", {"status": 500})
        asked = {"prompt": "Are you ill?", "temperature": 1}
        wait_for(
            lambda: send("POST", f"{service}/generate", asked) and prometheus.numbers("gateway_alerts_firing > 1"),
            "the gateway receives more alerts than the one sent by hand",
        )
        send("POST", f"{service}/generate", asked)  # its trace still waits to be sent when the demo ends
        terminal.press_ctrl_c()
        assert "Traceback" not in terminal.printed
        assert "takes no traces" not in terminal.printed
    wait_for(lambda: not any(listens(port + offset) for offset in OFFSETS), "nobody listens any more")


@pytest.mark.parametrize("offset", [PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET])
def test_a_taken_port_of_a_sidecar_is_one_clear_line(offset: int, tmp_path: Path) -> None:
    port = demo_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        with make("demo-5", f"PORT={port}", folder=tmp_path) as terminal:
            assert terminal.process.wait(60) != 0
    lines = [line for line in terminal.printed.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, terminal.printed
    assert f"cannot listen on 127.0.0.1:{port + offset}: Address already in use; choose another PORT" in lines[0]
    assert f"listens {offset} above it" in lines[0]
