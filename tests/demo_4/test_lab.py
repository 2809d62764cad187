"""The lab of demo 4 runs as written: each command of its README, against what the `make demo-4` above it starts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import labs
#from tests.demo_4.checks import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_4_streaming" / "README.md"
START = re.compile(r"^\$ ((?:[A-Z_]+=\S+ )*)make demo-4$", re.MULTILINE)


@dataclass(slots=True, frozen=True)
class Part:
    """One start of the demo, and what is typed until the next one."""

    settings: Mapping[str, str]
    steps: Sequence[labs.Step]


def read_parts(text: str) -> list[Part]:
    """The page, cut where it says to start the demo."""
    starts = list(START.finditer(text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return [
        Part(dict(setting.split("=", 1) for setting in start[1].split()), labs.steps_of(text[start.end() : end]))
        for start, end in zip(starts, ends, strict=True)
    ]


PARTS = read_parts(README.read_text())
STEPS = [(number, step) for number, part in enumerate(PARTS) for step in part.steps]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The second terminal: it stays open, whatever is started anew in the first."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as both_terminals:
        both_terminals.setenv("DATABASE_URL", f"sqlite:///{folder / 'workshop.db'}")
        yield folder


@pytest.fixture(scope="module")
def lab(terminal: Path, request: pytest.FixtureRequest) -> Iterator[labs.Lab]:
    with labs.started(4, terminal, PARTS[request.param].settings) as lab:
        yield lab


# The steps stand on each other, as they do for a person: run the file whole.
@pytest.mark.parametrize(("lab", "step"), STEPS, indirect=["lab"], ids=[step.title for _, step in STEPS])
def test_a_step_of_the_lab_runs_as_written(step: labs.Step, lab: labs.Lab) -> None:
    lab.run(step)


def test_the_lab_says_which_checks_show_what_a_client_must_survive() -> None:
    table = README.read_text().partition("| what must be true |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == [check.name for check in CHECKLIST.checks]


def test_the_lab_has_steps_and_says_what_they_print() -> None:
    assert len(STEPS) > 12
    assert all(step.expected for _, step in STEPS)


def test_every_start_of_the_demo_is_followed_by_something_to_try() -> None:
    assert all(part.steps for part in PARTS)
