"""A report of one's own grades, from what the grader recorded here.

In: a name, the record, and the exercises as they are now. Out: a Report. A check that was graded with other files than
those there now is outdated, and does not count.
"""

import importlib
from pathlib import Path

from workshop.grader.check import Checklist
from workshop.processes import ROOT
from workshop.progress import record
from workshop.progress.labs import LABS, Lab
from workshop.progress.record import CheckRecord, DemoRecord, Record
from workshop.progress.source import hash_of
from workshop.report.payload import CheckGrade, DemoGrade, Ended, NotAReport, Report


def report(name: str, kept: Record, root: Path = ROOT) -> Report:
    """Raises NotAReport if there is nothing to report."""
    graded = [(LABS[number], demo) for number, demo in sorted(kept.demos.items()) if number in LABS and demo.checks]
    demos = tuple(_demo(lab, demo, root) for lab, demo in graded)
    if not demos:
        raise NotAReport("nothing is graded yet: make grade-1 SOLUTION=exercise grades your exercise of demo 1")
    return Report(name=name, made=record.now(), graded_by="attendee", demos=demos)


def _demo(lab: Lab, demo: DemoRecord, root: Path) -> DemoGrade:
    checklist: Checklist = importlib.import_module(f"workshop.grader.checks.demo_{lab.number}").CHECKLIST
    files = hash_of(root / lab.exercise)
    if not files:
        raise NotAReport(f"{lab.exercise}: a file cannot be read")
    return DemoGrade(
        number=lab.number,
        title=lab.read(root).title,
        graded=demo.graded,
        commit=demo.source.commit,
        files=files,
        version=demo.source.version,
        python=demo.source.python,
        checks=tuple(
            CheckGrade(
                name=check.name,
                title=check.title,
                points=check.points,
                ended=_ended(demo.checks.get(check.name), files),
            )
            for check in checklist.checks
        ),
    )


def _ended(check: CheckRecord | None, files: str) -> Ended:
    if check is None:
        return Ended.NOT_RUN
    return Ended(check.status) if check.files == files else Ended.OUTDATED
