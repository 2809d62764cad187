"""The same seed asks the same questions, in the same order, however fast the service is; another seed asks others."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from workshop.processes import ROOT

# In a process of its own, since Locust replaces parts of the standard library. The first argument is how many arrivals
# there are between two questions of demo 6; `run` marks each run's questions as its own.
ASK = """
import importlib, json, sys
asked = {}
for number in (3, 4, 5, 6):
    demo = importlib.import_module(f"loadtests.demo_{number}")
    if number == 3:
        asked[number] = demo.ranks[:100]
        continue
    asked[number] = []
    for _ in range(100):
        if number == 6:
            for _ in range(int(sys.argv[1])):
                demo.arrivals.expovariate(1.0)
        asked[number].append(json.dumps(demo._wish()).replace(demo.run, "run"))
print(json.dumps(asked))
"""


def questions(seed: str | None, arrivals: int = 1) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "LOAD_SEED"}
    environment |= {} if seed is None else {"LOAD_SEED": seed}
    command = [sys.executable, "-c", ASK, str(arrivals)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=True)
    asked: dict[str, Any] = json.loads(done.stdout)
    return asked


@pytest.fixture(scope="module")
def of_seed_7() -> dict[str, Any]:
    return questions("7")


def test_the_same_seed_asks_the_same_questions_whatever_the_arrivals(of_seed_7: dict[str, Any]) -> None:
    assert questions("7", arrivals=3) == of_seed_7


def test_another_seed_asks_other_questions(of_seed_7: dict[str, Any]) -> None:
    usual = questions(None)
    assert set(usual) == {"3", "4", "5", "6"}
    assert not [number for number, asked in usual.items() if asked == of_seed_7[number]]
