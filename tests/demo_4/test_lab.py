"""The lab of demo 4 runs as written: each command of its README, against what the `make demo-4` above it starts."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import labs
from tests.demo_4.checks import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_4_streaming" / "README.md"
DECK = ROOT / "slides" / "demo_4_streaming.md"
CLIENTS = ROOT / "loadtests" / "results" / "http_clients.json"
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
STEPS = [(part, step) for part in PARTS for step in part.steps]


class Demo:
    """What runs in the first terminal, one part after the other; the second stays open, and `folder` is its memory."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder = folder
        self._running = running
        self._part: Part | None = None
        self._lab: labs.Lab | None = None

    def started(self, part: Part) -> labs.Lab:
        if self._lab is None or self._part is not part:
            self._running.close()
            self._lab = self._running.enter_context(labs.started(4, self._folder, part.settings))
            self._part = part
        return self._lab


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as both_terminals, ExitStack() as running:
        both_terminals.setenv("DATABASE_URL", f"sqlite:///{folder / 'workshop.db'}")
        yield Demo(folder, running)


# The steps stand on each other, as they do for a person: run the file whole.
@pytest.mark.parametrize(("part", "step"), STEPS, ids=[step.title for _, step in STEPS])
def test_a_step_of_the_lab_runs_as_written(part: Part, step: labs.Step, demo: Demo) -> None:
    demo.started(part).run(step)


def test_the_lab_says_which_checks_show_what_a_client_must_survive() -> None:
    table = README.read_text().partition("| what must be true |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == [check.name for check in CHECKLIST.checks]


def test_the_lab_and_the_deck_show_what_each_client_costs_as_it_was_measured() -> None:
    _, measured = json.loads(CLIENTS.read_text())["table"].split("\n\n")
    assert measured in README.read_text()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in measured.splitlines()]
    slide = DECK.read_text().partition("## What a client costs")[2].partition("<!--")[0].replace("*", "")
    shown = [f"| {client} | {rps} | {cpu} | {p50} |" for client, _, rps, cpu, _, p50 in rows[2:] if "TLS" not in client]
    assert all(row in slide for row in shown)


def test_the_lab_has_steps_and_says_what_they_print() -> None:
    assert len(STEPS) > 12
    assert all(step.expected for _, step in STEPS)


def test_every_start_of_the_demo_is_followed_by_something_to_try() -> None:
    assert all(part.steps for part in PARTS)
