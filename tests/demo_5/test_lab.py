"""The lab of demo 5 runs as written: every command of its README, against the `make demo-5` that precedes it."""

import re

from tests import labs
from workshop.drills.catalogue import DRILLS
from workshop.grader.checks.demo_5 import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_5_observability" / "README.md"


class TestLab(labs.LabTests):
    number = 5
    page = README
    parts = labs.parts_of(README.read_text(), 5)
    checklist = CHECKLIST
    proof = "what must be true"

    def test_the_lab_names_every_drill(self) -> None:
        drills = re.findall(r"^\$ make drill-(\S+)$", README.read_text(), re.MULTILINE)
        assert set(drills) == {*DRILLS, "answer"}
