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
from dataclasses import dataclass, replace
from typing import Any

from shared.process.load_app import CannotLoad
from workshop.board import client as board
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
from workshop.translation.phrases import say
from workshop.translation.sentences import told


@dataclass(slots=True, frozen=True)
class Outcome:
    """What came of one demo: its results, or `why` it was not graded, and the `points` that this costs."""

    target: Target
    results: tuple[Result, ...] = ()
    why: str = ""
    points: int = 0

    @property
    def score(self) -> Score:
        score = Score.of(self.results)
        return replace(score, graded=score.graded + self.points, total=score.total + self.points)

    @property
    def line(self) -> str:
        score = self.score
        points = " ".join(part for part in (f"{score.earned}/{score.graded}", report.left_out(score)) if part)
        graded = points if self.results or self.points else say("not graded")
        return ": ".join([f"demo {self.target.number}  {graded}", *([told(self.why)] if self.why else [])])

    @property
    def document(self) -> dict[str, Any]:
        if self.why:
            return {"demo": self.target.number, "score": 0, "graded": self.points, "why": self.why}
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
    print(document(outcomes) if options.json else _summary(outcomes, options, kept), flush=True)
    board.tell([outcome.target.number for outcome in outcomes if outcome.target.own and outcome.results])
    if any(outcome.why and outcome.points for outcome in outcomes):
        return NOTHING_TO_GRADE
    return PASSED if total(outcomes).full else LOST_POINTS


def _grade(target: Target, *, shown: bool) -> tuple[Outcome, Kept]:
    """One demo's outcome, and what comes next for the attendee."""
    checklist: Checklist = importlib.import_module(f"workshop.grader.checks.demo_{target.number}").CHECKLIST
    if checklist.cluster and not SERVING_PYTHON.exists():
        outcome = Outcome(target, why="Ray Serve and vLLM are not installed: make install-serving")
        if shown:
            print(f"{outcome.line}\n", flush=True)
        return outcome, Kept()
    if shown:
        print(report.heading(target, checklist, checklist.checks), flush=True)
    with ExitStack() as running:
        try:
            subject = launch(target, checklist, running)
        except (CannotLoad, CannotStart) as reason:
            why = " · ".join(line.strip() for line in str(reason).splitlines()[:2])
            outcome = Outcome(target, why=why, points=sum(check.points for check in checklist.checks))
            if shown:
                print(f" {outcome.line}\n", flush=True)
            return outcome, Kept()
        show = report.show if shown else report.skip
        results, kept = graded(target, checklist, checklist.checks, subject, show, alone=False)
    if shown:
        print(*kept.why, "", report.closing(Score.of(results)), "", sep="\n", flush=True)
    return Outcome(target, tuple(results)), kept


def total(outcomes: list[Outcome]) -> Score:
    scores = [outcome.score for outcome in outcomes]
    return Score(*(sum(getattr(score, name) for score in scores) for name in ("earned", "graded", "total")))


def _summary(outcomes: list[Outcome], options: argparse.Namespace, kept: Kept) -> str:
    whose = "your versions" if options.solution == EXERCISE else "the reference, not your exercises: SOLUTION=exercise"
    lost = [outcome.target for outcome in outcomes if outcome.results and not outcome.score.full]
    shown = [say("What was lost: {commands}", commands=", ".join(target.command for target in lost))] if lost else []
    return "\n".join(
        [*(outcome.line for outcome in outcomes), *shown, *kept.next, "", report.closing(total(outcomes), whose)]
    )


def document(outcomes: list[Outcome]) -> str:
    score = total(outcomes)
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
