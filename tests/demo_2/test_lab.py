"""The lab of demo 2 runs as written: each command of its README in order, against what `make demo-2` starts."""

import re
from collections.abc import Iterator

import pytest

from tests import labs
from tests.demo_2.checks import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_2_who_and_how_often" / "README.md"
STEPS = labs.read_steps(README)
START, *ELSEWHERE = labs.console_commands(README)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[labs.Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as both_terminals:
        both_terminals.setenv("DATABASE_URL", f"sqlite:///{folder / 'workshop.db'}")
        with labs.started(2, folder, dict(re.findall(r"(\w+)=(\S+)", START))) as lab:
            yield lab


# The steps stand on each other, as they do for a person: run the file whole.
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_a_step_of_the_lab_runs_as_written(step: labs.Step, lab: labs.Lab) -> None:
    lab.run(step)


def test_what_the_lab_starts_is_the_demo() -> None:
    assert START.endswith("make demo-2")
    assert [command for command in ELSEWHERE if "make demo-2" in command]


def test_the_lab_says_which_checks_show_what_must_hold() -> None:
    table = README.read_text().partition("| what must hold |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == [check.name for check in CHECKLIST.checks]


def test_the_lab_has_steps_and_says_what_they_print() -> None:
    assert len(STEPS) > 8
    assert all(step.expected for step in STEPS)
