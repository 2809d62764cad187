"""The load scenario's gates work: the reference passes them all, and each fault fails the gate that watches for it.

And its report tells of both, in a terminal while it runs, and in files.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtests.report import OURS
from loadtests.result import REPORT, RESULT
from tests.demo_4.test_demo_4 import REFERENCE
from tests.frame.tty import terminal
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


def result(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((folder / RESULT).read_text())
    return made


def test_the_reports_of_a_good_and_of_a_bad_run_tell_them_apart(tmp_path: Path, server: ModelServer) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    with started(REFERENCE, server, OPEN_DOORS) as subject:
        done = load("--url", subject.service.url, "--seed", "7", "--folder", str(good))
        with subject.upstream.fault(CUT):
            load("--url", subject.service.url, "--seed", "7", "--folder", str(bad))
    assert f"Report: {good / REPORT}" in done.stdout
    assert "seed 7" in done.stdout
    assert "\x1b" not in done.stdout  # no terminal, no progress
    whole, cut = result(good), result(bad)
    assert whole["failed"] == 0 < whole["completed"] == whole["num_prompts"]
    assert 0 < cut["failed"] == cut["num_prompts"] - cut["completed"]
    assert sum(kind["count"] for kind in cut[OURS]["errors"]) == cut["failed"]
    assert cut[OURS]["goodput"] < whole[OURS]["goodput"]
    assert 0 < whole["median_ttft_ms"] < whole["median_e2el_ms"]
    assert whole["total_output_tokens"] > 10 * whole["completed"]
    assert [one[OURS]["seed"] for one in (whole, cut)] == [7, 7]
    assert "✗ not passed" in (bad / REPORT).read_text()
    command = [sys.executable, "-m", "loadtests.compare", str(good), str(bad)]
    compared = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line[-11:] for line in compared.splitlines() if line.startswith("failed")] == ["A is better"]


def test_in_a_terminal_a_table_is_drawn_over_itself_until_the_end(tmp_path: Path, server: ModelServer) -> None:
    with started(REFERENCE, server, OPEN_DOORS) as subject:
        command = [sys.executable, "-m", "loadtests", "4", "--url", subject.service.url, "--folder", str(tmp_path)]
        with terminal(*command, **SHORT) as screen:
            screen.wait_for("Gates: ")
            screen.wait_for_the_end()
    while_it_ran, end = screen.screen.rsplit("\x1b[J", 1)
    assert while_it_ran.count("goodput") >= 2
    assert "█" in while_it_ran
    assert end.count("goodput  ") == 1
    assert result(tmp_path)["failed"] == 0


def test_ctrl_c_ends_it_with_one_clear_line(tmp_path: Path, server: ModelServer) -> None:
    with started(REFERENCE, server, OPEN_DOORS) as subject:
        command = [sys.executable, "-m", "loadtests", "4", "--url", subject.service.url, "--folder", str(tmp_path)]
        with terminal(*command, LOAD_SECONDS="60") as screen:
            screen.wait_for("goodput")
            screen.press_ctrl_c()
            assert screen.wait_for_the_end() == 130
    assert screen.screen.rsplit("\x1b[J", 1)[1].strip() == "stopped"
    assert not list(tmp_path.iterdir())
