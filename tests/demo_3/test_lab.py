"""The lab of demo 3 runs as written: every command of its README, in order, against a running `make demo-3`."""

from tests import labs
from workshop.grader.checks.demo_3 import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_3_caching" / "README.md"


class TestLab(labs.LabTests):
    number = 3
    page = README
    parts = labs.with_answers(labs.started_once(README.read_text(), {}), README)
    checklist = CHECKLIST
    proof = "what a cache must do"
