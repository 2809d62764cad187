"""The lab of demo 4 runs as written: every command of its pages, against the `make demo-4` that precedes it."""

import json

from tests import labs, optional_steps
from tests.demo_4.test_demo_4 import TASKS
from workshop.grader.checks.demo_4 import CHECKLIST
from workshop.processes import ROOT

FOLDER = ROOT / "demos" / "demo_4_streaming"
README, MORE = FOLDER / "README.md", FOLDER / "MORE.md"
DECK = ROOT / "slides" / "demo_4_streaming.md"
CLIENTS = ROOT / "loadtests" / "results" / "http_clients.json"


class TestLab(labs.LabTests):
    number = 4
    page = README
    parts = labs.with_answers(labs.parts_of(README.read_text(), 4), README)
    checklist = CHECKLIST
    proof = "what must be true"
    proof_page = MORE


class TestMore(labs.PageTests):
    number = 4
    page = MORE
    parts = labs.parts_of(MORE.read_text(), 4)

    def test_the_lab_and_the_deck_show_what_each_client_costs_as_it_was_measured(self) -> None:
        _, measured = json.loads(CLIENTS.read_text())["table"].split("\n\n")
        assert measured in MORE.read_text()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in measured.splitlines()]
        slide = DECK.read_text().partition("## What a client costs")[2].partition("<!--")[0].replace("*", "")
        shown = [f"| {name} | {rps} | {cpu} | {p50} |" for name, _, rps, cpu, _, p50 in rows[2:] if "TLS" not in name]
        assert all(row in slide for row in shown)


class TestOptionalSteps(optional_steps.OptionalStepsTests):
    number = 4
    folder = FOLDER
    tasks = TASKS
