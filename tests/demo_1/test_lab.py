"""The lab of demo 1 runs as written: every command of its README, in order, against a running `make demo-1`."""

from tests import labs
from workshop.grader.checks.demo_1 import CHECKLIST
from workshop.processes import ROOT

README = ROOT / "demos" / "demo_1_guarded" / "README.md"
TIMEOUT = "5"  # seconds; leaves room for two retries, and keeps the wait for hanging calls short


class TestLab(labs.LabTests):
    number = 1
    page = README
    parts = labs.started_once(README.read_text(), {"TIMEOUT": TIMEOUT})
    checklist = CHECKLIST
    proof = "the checklist"
