"""The lab of demo 3 runs as written: each command of its README in order, against what `make demo-3` starts."""

import re
from collections.abc import Iterator

import pytest

from tests import labs
from tests.demo_3.checks import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_3_caching" / "README.md"
STEPS = labs.read_steps(README)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[labs.Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as both_terminals:
        both_terminals.setenv("DATABASE_URL", f"sqlite:///{folder / 'workshop.db'}")
        with labs.started(3, folder) as lab:
            yield lab


# The steps stand on each other, as they do for a person: run the file whole.
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_a_step_of_the_lab_runs_as_written(step: labs.Step, lab: labs.Lab) -> None:
    lab.run(step)


def test_the_lab_says_which_checks_show_what_a_cache_must_do() -> None:
    table = README.read_text().partition("| what a cache must do |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == [check.name for check in CHECKLIST.checks]


def test_the_lab_has_steps_and_says_what_they_print() -> None:
    assert len(STEPS) > 8
    assert all(step.expected for step in STEPS)
