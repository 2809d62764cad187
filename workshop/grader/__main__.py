"""Grade demo N: the reference, the exercise, or any running service. `make grade-N`.

Exit status 0 with all points of the graded checks, 3 with fewer, 2 if there was nothing to grade: the service does not
answer or is another demo, the code does not load, or no check has that name. Each of these is reported on stderr.
"""

import argparse
import importlib
import re
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from shared.process.load_app import CannotLoad
from workshop.board import client as board
from workshop.grader import report
from workshop.grader.check import Checklist
from workshop.grader.choice import BadChoice, chosen
from workshop.grader.grading import Score
from workshop.grader.identity import DeadService, identify
from workshop.grader.session import graded, launch
from workshop.grader.target import EXERCISE, REFERENCE, Target
from workshop.processes import CannotStart
from workshop.translation.sentences import told
from workshop.urls import BadUrl, service_url

PASSED, NOTHING_TO_GRADE, LOST_POINTS, INTERRUPTED = 0, 2, 3, 130


class WrongDemo(Exception):
    """One line: which demo the service is, and how to start the other one."""


def main(arguments: list[str] | None = None) -> int:
    options = _read(arguments)
    signal.signal(signal.SIGTERM, stop)
    checklist: Checklist = importlib.import_module(f"workshop.grader.checks.demo_{options.number}").CHECKLIST
    with ExitStack() as running:
        try:
            target = _target(options)
            checks = chosen(options.only, checklist.checks, target.memory)
            if not options.json:
                print(report.heading(target, checklist, checks), flush=True)
            subject = launch(target, checklist, running, options.upstream, options.log_file)
        except (DeadService, WrongDemo, BadChoice, CannotLoad, CannotStart) as reason:
            print(told(str(reason)), file=sys.stderr)
            return NOTHING_TO_GRADE
        results, kept = graded(target, checklist, checks, subject, report.skip if options.json else report.show)
        if options.json:
            print(report.document(target, results))
        else:
            print(
                report.summary(target, checklist, results, [*kept.why, "", *kept.next] if kept.next else []), flush=True
            )
        if target.own:
            board.tell([target.number])
    return PASSED if Score.of(results).full else LOST_POINTS


def _target(options: argparse.Namespace) -> Target:
    """What to grade; with a URL it must answer. Raises DeadService, WrongDemo."""
    target = Target(options.number, options.solution, options.url or "")
    if not options.url:
        return target
    identity = identify(options.url, options.number)
    if lacks := identity.lacks(options.number):
        raise WrongDemo(f"{options.url}: {lacks}")
    return replace(target, says=str(identity), has_more=identity.has_more(options.number))


class Parser(argparse.ArgumentParser):
    """A parser that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        print(told(re.sub(r"^argument [^:]+: ", "", message)), file=sys.stderr)
        sys.exit(NOTHING_TO_GRADE)


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m workshop.grader", description=__doc__)
    parser.add_argument("number", type=_demo, help="the number of the demo")
    parser.add_argument("--url", type=_url, help="grade this running service; without it one is started")
    parser.add_argument(
        "--upstream", type=_url, help="its embedded model server (default: 100 ports above the service)"
    )
    parser.add_argument("--log-file", help="its request log (default: LOG_FILE or logs.json, if it writes there)")
    parser.add_argument("--solution", type=solution, default=REFERENCE, help="which one to start")
    parser.add_argument("--only", default="", metavar="CHECKS", help="names of checks, or failed: the last failures")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a report")
    return parser.parse_args(arguments)


def _demo(text: str) -> int:
    checks = Path(__file__).parent / "checks"
    numbers = sorted(path.stem.removeprefix("demo_") for path in checks.glob("demo_*.py"))
    if text not in numbers:
        raise argparse.ArgumentTypeError(f"there is no demo {text}; there are {', '.join(numbers)}")
    return int(text)


def solution(text: str) -> str:
    if text not in (REFERENCE, EXERCISE):
        raise argparse.ArgumentTypeError(f"SOLUTION={text}: write {EXERCISE} for your version, {REFERENCE} for ours")
    return text


def _url(text: str) -> str:
    try:
        return service_url(text)
    except BadUrl as reason:
        raise argparse.ArgumentTypeError(str(reason)) from None


def stop(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)  # so that everything we started is stopped


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
