"""The lab of demo 2 runs as written: every command of its README, in order, against a running `make demo-2`."""

import re

from tests import labs
from workshop.grader.checks.demo_2 import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_2_who_and_how_often" / "README.md"
START, *ELSEWHERE = labs.console_commands(README)


class TestLab(labs.LabTests):
    number = 2
    page = README
    parts = labs.with_answers(labs.started_once(README.read_text(), dict(re.findall(r"(\w+)=(\S+)", START))), README)
    checklist = CHECKLIST
    proof = "what must hold"

    def test_the_lab_starts_the_demo(self) -> None:
        assert START.endswith("make demo-2")
        assert [command for command in ELSEWHERE if "make demo-2" in command]
