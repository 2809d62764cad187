"""A hundred requests with hey, ten at a time, to each embedded model; and demo 1's load scenario with its gates."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.closed_port import dead_server
from workshop.processes import ROOT, free_port, gateway, model_server
from workshop.programs import PROGRAMS


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("load")
    port, model_port = free_port(), free_port()
    environment = {"OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1", "LOG_FILE": str(folder / "logs.json")}
    with (
        model_server(port=model_port, output=folder / "model.txt"),
        gateway("demos.demo_1_guarded.app:build", port=port, environment=environment, output=folder / "gateway.txt"),
    ):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("model", ["workshop-sim", "workshop-tiny"])
def test_hey_is_answered_a_hundred_times_out_of_a_hundred(model: str, url: str) -> None:
    hey = PROGRAMS["hey"].path()
    if hey is None:
        pytest.skip("hey is not installed; `make programs` says how to get it")
    body = json.dumps({"prompt": "Hola, ¿cómo estás?", "model": model, "max_tokens": 100})
    command = [hey, "-n", "100", "-c", "10", "-m", "POST", "-T", "application/json", "-d", body, f"{url}/generate"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
    assert re.search(r"\[200\]\s+100 responses", printed), printed


def test_the_load_scenario_passes_its_gates_and_exits_0(url: str) -> None:
    done = _load(url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Gates: 5/5" in done.stdout
    table = re.search(r"^to the end +\S+ ms +(\S+) ms", done.stdout, re.MULTILINE)
    assert table
    assert f"p95_ms {float(table[1].replace(',', '')):g}" in done.stdout  # refusals count in neither


def test_a_service_that_accepts_mistakes_fails_its_gate_and_exits_1(tmp_path: Path) -> None:
    """MAX_CHARS is so high that this service accepts one of the three mistakes."""
    port, model_port = free_port(), free_port()
    upstream = {"OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1", "MODEL": "workshop-sim"}
    environment = {**upstream, "LOG_FILE": "-", "MAX_CHARS": "10000"}
    models = {"LOCAL_MODELS": "workshop-sim"}
    with (
        model_server(port=model_port, environment=models, output=tmp_path / "model.txt"),
        gateway("demos.demo_1_guarded.app:build", port=port, environment=environment, output=tmp_path / "gateway.txt"),
    ):
        done = _load(f"http://127.0.0.1:{port}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ every mistake is refused" in done.stdout


def test_no_service_at_the_url_is_one_line_and_exit_status_2() -> None:
    with dead_server() as url:
        done = _load(url)
    assert done.returncode == 2
    assert "does not answer at /health" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _load(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadtests", "1", "--url", url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
