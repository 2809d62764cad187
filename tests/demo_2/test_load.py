"""The load scenario's gates work: slightly wrong limits fail them. The lab runs the scenario on the right limits."""

import os
import subprocess
import sys

import pytest

from tests.demo_2.test_demo_2 import REFERENCE
from workshop.grader.callers import TOKENS, Desk
from workshop.grader.launch import ModelServer, started
from workshop.processes import ROOT

SHORT_WINDOW = {"RATE_LIMIT_WINDOW_SEC": "1", "RATE_LIMIT_RPM": "20", "RATE_LIMIT_BURST": "2"}

WRONG = {
    "one_request_too_many": "the greedy tenant is never over its limit",
    "retry_after_is_the_whole_window": "every 429 says truly when to come back",
    "one_allowance_for_all": "the modest tenant is never refused",
}


def load(url: str, tokens: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadtests", "2", "--url", url]
    environment = {**os.environ, TOKENS: tokens}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.parametrize("mutant", WRONG)
def test_a_limit_that_is_wrong_fails_its_gate_and_exits_1(mutant: str, server: ModelServer, desk: Desk) -> None:
    # Retry-After is in whole seconds: a window of one second would hide the fault.
    settings = {**SHORT_WINDOW, "RATE_LIMIT_WINDOW_SEC": "2" if mutant.startswith("retry_after") else "1"}
    with started(f"tests.demo_2.mutants:{mutant}", server, settings, desk) as subject:
        done = load(subject.service.url, " ".join(caller.token for caller in desk.people()[:2]))
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"✗ {WRONG[mutant]}" in done.stdout
    assert "✓ no other errors" in done.stdout


def test_without_two_tokens_it_says_in_one_line_how_to_get_them(server: ModelServer, desk: Desk) -> None:
    with started(REFERENCE, server, SHORT_WINDOW, desk) as subject:
        done = load(subject.service.url, "")
    assert done.returncode == 2
    assert "make token USER=ana" in done.stderr
    assert len(done.stderr.splitlines()) == 1
