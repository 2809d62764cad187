"""Grade every demo that can be graded here, and add up. `make grade`.

Each demo is started, graded and stopped, one after the other. What was lost is shown by name; `make grade-N` shows it
whole. Demo 6 is left out where its packages are not installed.

Exit status 0 with all points of what was graded, 3 with fewer, 2 if a demo could not be graded that should have been.
"""

import argparse
import importlib
import json
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from shared.process.load_app import CannotLoad
from workshop.grader import report
from workshop.grader.__main__ import INTERRUPTED, LOST_POINTS, NOTHING_TO_GRADE, PASSED, Parser, solution, stop
from workshop.grader.check import Checklist
from workshop.grader.grading import Result, Score
from workshop.grader.session import graded, launch
from workshop.grader.target import EXERCISE, REFERENCE, Target
from workshop.processes import CannotStart
from workshop.progress.after_grading import Kept
from workshop.progress.labs import LABS
from workshop.serving_cluster import PYTHON as SERVING_PYTHON


@dataclass(slots=True, frozen=True)
class Outcome:
    """What came of one demo: its results, or `why` it was not graded. `excused`: nobody's code is to blame."""

    target: Target
    results: tuple[Result, ...] = ()
    why: str = ""
    excused: bool = False

    @property
    def score(self) -> Score:
        return Score.of(self.results)

    @property
    def line(self) -> str:
        if self.why:
            return f"demo {self.target.number}  not graded: {self.why}"
        return f"demo {self.target.number}  {report.closing(self.score).removeprefix('Score: ')}"

    @property
    def document(self) -> dict[str, Any]:
        if self.why:
            return {"demo": self.target.number, "why": self.why}
        found: dict[str, Any] = json.loads(report.document(self.target, self.results))
        return found


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(prog="python -m workshop.grader.all_demos", description=__doc__)
    parser.add_argument("--solution", type=solution, default=REFERENCE, help="which ones to start")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a report")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, stop)
    kept = Kept()
    outcomes: list[Outcome] = []
    for number in LABS:
        outcome, latest = _grade(Target(number, options.solution), shown=not options.json)
        outcomes.append(outcome)
        kept = latest if latest.next else kept
    print(_document(outcomes) if options.json else _summary(outcomes, options, kept))
    if any(outcome.why and not outcome.excused for outcome in outcomes):
        return NOTHING_TO_GRADE
    return PASSED if _total(outcomes).full else LOST_POINTS


def _grade(target: Target, *, shown: bool) -> tuple[Outcome, Kept]:
    """One demo's outcome, and what comes next for the attendee."""
    checklist: Checklist = importlib.import_module(f"workshop.grader.checks.demo_{target.number}").CHECKLIST
    if checklist.cluster and not SERVING_PYTHON.exists():
        outcome = Outcome(target, why="Ray Serve and vLLM are not installed: make install-serving", excused=True)
        if shown:
            print(f"{outcome.line}\n", flush=True)
        return outcome, Kept()
    if shown:
        print(report.heading(target, checklist, checklist.checks), flush=True)
    with ExitStack() as running:
        try:
            subject = launch(target, checklist, running)
        except (CannotLoad, CannotStart) as reason:
            outcome = Outcome(target, why=" · ".join(line.strip() for line in str(reason).splitlines()[:2]))
            if shown:
                print(f" {outcome.line}\n", flush=True)
            return outcome, Kept()
        show = report.show if shown else report.skip
        results, kept = graded(target, checklist, checklist.checks, subject, show)
    if shown:
        print(*kept.why, "", report.closing(Score.of(results)), "", sep="\n", flush=True)
    return Outcome(target, tuple(results)), kept


def _total(outcomes: list[Outcome]) -> Score:
    return Score.of([result for outcome in outcomes for result in outcome.results])


def _summary(outcomes: list[Outcome], options: argparse.Namespace, kept: Kept) -> str:
    whose = "your versions" if options.solution == EXERCISE else "the reference, not your exercises: SOLUTION=exercise"
    lost = [outcome.target for outcome in outcomes if outcome.results and not outcome.score.full]
    shown = [f"What was lost: {', '.join(target.command for target in lost)}"] if lost else []
    return "\n".join(
        [*(outcome.line for outcome in outcomes), *shown, *kept.next, "", report.closing(_total(outcomes), whose)]
    )


def _document(outcomes: list[Outcome]) -> str:
    score = _total(outcomes)
    return json.dumps(
        {
            "score": score.earned,
            "graded": score.graded,
            "total": score.total,
            "demos": [outcome.document for outcome in outcomes],
        },
        ensure_ascii=False,
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
