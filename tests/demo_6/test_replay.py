"""The dry run's autoscaler and the real one agree: for the same load, both want the same number of replicas.

The load is that of the recorded run among the results. Starts no cluster.
"""

import itertools
import json
import subprocess

import pytest

from loadtests.autoscaling import Run
from workshop.processes import ROOT
from workshop.serving_cluster import LAPTOP, PYTHON

RESULT = ROOT / "loadtests" / "results" / "autoscaling.json"
APART = 5  # seconds: samples are one second apart, and a replica's report may come just before or after a decision


@pytest.fixture(scope="module")
def replayed() -> list[int]:
    command = [str(PYTHON), "-m", "tests.demo_6.replay", str(LAPTOP), str(RESULT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted: list[int] = json.loads(done.stdout.splitlines()[-1])
    return wanted


def changes(wanted: list[int]) -> list[tuple[int, int]]:
    """The times at which the wanted number changed, and the new numbers."""
    return [(at, now) for at, (before, now) in enumerate(itertools.pairwise(wanted), 1) if now != before]


def test_it_takes_the_same_decisions_at_about_the_same_times(replayed: list[int]) -> None:
    seen = changes([second.wanted or 0 for second in Run.read(RESULT.read_text()).seconds])
    ours = changes(replayed)
    assert [wanted for _, wanted in ours] == [wanted for _, wanted in seen] == [2, 1]
    assert all(abs(at - then) <= APART for (at, _), (then, _) in zip(ours, seen, strict=True)), (ours, seen)
