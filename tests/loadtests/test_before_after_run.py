"""`make before-after` measures everybody, with the real demos, the model and a database, and prints its tables."""

import os
import subprocess
import sys

import pytest

from loadtests.before_after.__main__ import RESULTS
from loadtests.before_after.authentication import EACH_CONNECTING, EMPTY, WARM
from loadtests.before_after.contenders import setups
from loadtests.bench.cores import MEASURED, REST
from workshop.processes import ROOT


@pytest.mark.skipif(not {MEASURED, REST} <= os.sched_getaffinity(0), reason="a benchmark needs two cores")
def test_a_quick_run_measures_everybody_and_keeps_nothing() -> None:
    kept = (RESULTS / "before_after.json").read_text()
    command = [sys.executable, "-m", "loadtests.before_after", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=590, check=False)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line[:1] == "|"]
    for name in setups(""):
        few, many, costs = (row for row in rows if row[0] == name)
        assert few[-1] == many[-1] == "0.0 %", "nobody fails without a peak"
        assert float(costs[1].split()[0]) > 0, "CPU"
    assert {EACH_CONNECTING, EMPTY, WARM} <= {row[0] for row in rows}
    assert "| errors in a peak |" in done.stdout
    assert (RESULTS / "before_after.json").read_text() == kept
