"""The load scenario's gates work: a cache that is too small fails them. The lab runs the scenario on a good cache."""

import subprocess
import sys

from workshop.grader.checks.demo_3 import UNLIMITED
from workshop.grader.launch import ModelServer, started
from workshop.processes import ROOT


def test_a_cache_that_is_too_small_fails_the_hit_rate_and_exits_1(server: ModelServer) -> None:
    with started("demos.demo_3_caching.app:build", server, {**UNLIMITED, "CACHE_MAX_SIZE": "3"}) as subject:
        command = [sys.executable, "-m", "loadtests", "3", "--url", subject.service.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✗ hit rate of 85%" in done.stdout
    assert "✓ no errors" in done.stdout
    assert "✓ /cache/stats counts what clients saw" in done.stdout


def test_a_service_that_has_no_cache_fails_all_gates_but_one(server: ModelServer) -> None:
    with started("demos.demo_1_guarded.app:build", server, {}) as subject:
        command = [sys.executable, "-m", "loadtests", "3", "--url", subject.service.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "✓ no errors" in done.stdout
    assert "Gates: 1/5" in done.stdout
