"""The lab of demo 5 runs as written: each command of its README, against what the `make demo-5` above it starts."""

import re
from collections.abc import Iterator

import pytest

from tests import labs
from tests.demo_5.checks import CHECKLIST
from workshop.drills.catalogue import DRILLS
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_5_observability" / "README.md"
PARTS = labs.parts_of(README.read_text(), 5)
STEPS = [(part, step) for part in PARTS for step in part.steps]


@pytest.fixture(scope="module")
def terminals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[labs.Terminals]:
    with labs.terminals(5, tmp_path_factory.mktemp("lab")) as terminals:
        yield terminals


# The steps stand on each other, as they do for a person: run the file whole.
@pytest.mark.parametrize(("part", "step"), STEPS, ids=[step.title for _, step in STEPS])
def test_a_step_of_the_lab_runs_as_written(part: labs.Part, step: labs.Step, terminals: labs.Terminals) -> None:
    terminals.at(part).run(step)


def test_the_lab_says_which_checks_show_what_must_be_true() -> None:
    table = README.read_text().partition("| what must be true |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(check.name for check in CHECKLIST.checks)


def test_the_lab_names_every_drill() -> None:
    drills = re.findall(r"^\$ make drill-(\S+)$", README.read_text(), re.MULTILINE)
    assert set(drills) == {*DRILLS, "answer"}


def test_the_lab_has_steps_and_says_what_they_print() -> None:
    assert len(STEPS) > 12
    assert all(step.expected for _, step in STEPS)


def test_every_start_of_the_demo_is_followed_by_something_to_try() -> None:
    assert all(part.steps for part in PARTS)
