"""The load scenario's gates work: the reference passes them all, and each fault fails the gate that watches for it."""

import os
import subprocess
import sys

import pytest

from tests.demo_4.test_demo_4 import REFERENCE
from workshop.grader.launch import ModelServer, started
from workshop.processes import ROOT

OPEN_DOORS = {"RATE_LIMIT_ANONYMOUS_RPM": "1000000", "RATE_LIMIT_TPM": "1000000000", "TIMEOUT": "20"}
SHORT = {"LOAD_SECONDS": "5"}

CUT = {"cut_after_tokens": 5, "rate": 0.2}

ENDS = "every request ends, every stream with [DONE]"
AS_LONG = "every answer is as long as it says"
IN_STEPS = "tokens come as they are generated"
SOON = "first token's p95 under 1 s"

WRONG = {"buffers_streams": IN_STEPS, "guesses_what_streams_used": AS_LONG}


def load(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadtests", "4", *options]
    environment = {**os.environ, **SHORT}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)


def test_the_reference_passes_every_gate() -> None:
    done = load()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Gates: 6/6" in done.stdout


@pytest.mark.parametrize("mutant", WRONG)
def test_a_stream_that_is_wrong_fails_its_gate_and_exits_1(mutant: str, server: ModelServer) -> None:
    with started(f"tests.demo_4.mutants:{mutant}", server, OPEN_DOORS) as subject:
        done = load("--url", subject.service.url)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"✗ {WRONG[mutant]}" in done.stdout
    assert f"✓ {ENDS}" in done.stdout


def test_a_broken_stream_counts_as_one_that_has_not_ended(server: ModelServer) -> None:
    with started(REFERENCE, server, OPEN_DOORS) as subject, subject.upstream.fault(CUT):
        done = load("--url", subject.service.url)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"✗ {ENDS}" in done.stdout


def test_a_service_that_falls_behind_cannot_hide_it(server: ModelServer) -> None:
    """It serves one of fifteen requests per second at a time: each is quick, except for the wait before its turn."""
    one_at_a_time = {**OPEN_DOORS, "HTTP_MAX_CONNECTIONS": "1"}
    with started(REFERENCE, server, one_at_a_time) as subject, subject.upstream.fault({"latency_ms": 100}):
        done = load("--url", subject.service.url)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"✗ {SOON}" in done.stdout


def test_a_service_without_streams_passes_no_gate_for_them(server: ModelServer) -> None:
    with started("demos.demo_1_guarded.app:build", server, OPEN_DOORS) as subject:
        done = load("--url", subject.service.url)
    assert done.returncode == 1, done.stdout + done.stderr
    for gate in (ENDS, IN_STEPS, SOON):
        assert f"✗ {gate}" in done.stdout
