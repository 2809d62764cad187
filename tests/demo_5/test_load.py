"""The load scenario's gates work: the reference passes them; a service whose workers count separately fails them."""

import os
import subprocess
import sys

from loadtests.__main__ import WATCHED
from workshop.grader.launch import ModelServer, started
from workshop.processes import ROOT

SHORT = {"LOAD_SECONDS": "3"}

ANSWERED = "every request got a complete answer"
WRONG = (
    "requests are counted as sent",
    "tokens are those of the answers",
    "dollars are those of the answers",
    "every worker says the same",
)


def load(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadtests", "5", *options]
    environment = {**os.environ, **SHORT}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False)


def test_the_reference_passes_every_gate() -> None:
    done = load()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Gates: 10/10" in done.stdout


def test_metrics_of_a_single_worker_fail_their_gates(server: ModelServer) -> None:
    with started("tests.demo_5.mutants:counts_in_each_worker_alone", server, WATCHED) as subject:
        done = load("--url", subject.service.url)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"✓ {ANSWERED}" in done.stdout
    for gate in WRONG:
        assert f"✗ {gate}" in done.stdout
