"""The lab of demo 1 runs as written: every command of its README, in order, against a running `make demo-1`."""

import re

from tests import labs
from workshop.grader.checks.demo_1 import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_1_guarded" / "README.md"
START = labs.console_commands(README)[0]


class TestLab(labs.LabTests):
    number = 1
    page = README
    parts = labs.with_answers(labs.started_once(README.read_text(), dict(re.findall(r"(\w+)=(\S+)", START))), README)
    checklist = CHECKLIST
    proof = "the checklist"

    def test_the_lab_starts_the_demo(self) -> None:
        assert START.endswith("make demo-1")
