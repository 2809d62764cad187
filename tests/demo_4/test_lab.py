"""The lab of demo 4 runs as written: each command of its README, against what the `make demo-4` above it starts."""

import json
import re
from collections.abc import Iterator

import pytest

from tests import labs
from tests.demo_4.checks import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_4_streaming" / "README.md"
DECK = ROOT / "slides" / "demo_4_streaming.md"
CLIENTS = ROOT / "loadtests" / "results" / "http_clients.json"
PARTS = labs.parts_of(README.read_text(), 4)
STEPS = [(part, step) for part in PARTS for step in part.steps]


@pytest.fixture(scope="module")
def terminals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[labs.Terminals]:
    with labs.terminals(4, tmp_path_factory.mktemp("lab")) as terminals:
        yield terminals


# The steps stand on each other, as they do for a person: run the file whole.
@pytest.mark.parametrize(("part", "step"), STEPS, ids=[step.title for _, step in STEPS])
def test_a_step_of_the_lab_runs_as_written(part: labs.Part, step: labs.Step, terminals: labs.Terminals) -> None:
    terminals.at(part).run(step)


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
