"""Grade demo N: the reference, the exercise, or any running service. `make grade-N`.

Exit status 0 with all points of the graded checks, 3 with fewer, 2 if there was nothing to grade: the service does not
answer or is another demo, the code does not load, or no check has that name. Each of these is reported on stderr.
"""

import argparse
import importlib
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from shared.process.load_app import CannotLoad, must_parse
from workshop.grader import report
from workshop.grader.check import Check, Checklist
from workshop.grader.choice import BadChoice, chosen, remember
from workshop.grader.grading import Result, Score, grade
from workshop.grader.identity import DeadService, identify
from workshop.grader.launch import MORE_NAMES, TINY, embedded_server, found, serving_cluster, started, trace_receiver
from workshop.grader.subject import Subject
from workshop.grader.target import EXERCISE, REFERENCE, Target
from workshop.processes import CannotStart
from workshop.urls import BadUrl, service_url

PASSED, NOTHING_TO_GRADE, LOST_POINTS, INTERRUPTED = 0, 2, 3, 130


class WrongDemo(Exception):
    """One line: which demo the service is, and how to start the other one."""


def main(arguments: list[str] | None = None) -> int:
    options = _read(arguments)
    signal.signal(signal.SIGTERM, _stop)
    checklist: Checklist = importlib.import_module(f"workshop.grader.checks.demo_{options.number}").CHECKLIST
    with ExitStack() as running:
        try:
            target = _target(options)
            checks = chosen(options.only, checklist.checks, target.memory)
            if not options.json:
                print(report.heading(target, checklist, checks), flush=True)
            subject = _launch(target, checklist, options, running)
        except (DeadService, WrongDemo, BadChoice, CannotLoad, CannotStart) as reason:
            print(reason, file=sys.stderr)
            return NOTHING_TO_GRADE
        results = _graded(checks, subject, target, shown=not options.json)
        print(report.document(target, results) if options.json else report.summary(target, checklist, results))
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


def _launch(target: Target, checklist: Checklist, options: argparse.Namespace, running: ExitStack) -> Subject:
    """The service, found or started together with everything around it. Raises CannotStart, CannotLoad."""
    if target.url:
        return running.enter_context(found(target.url, options.upstream, options.log_file, checklist.cluster))
    for file in target.own_files:  # before we start anything for code that cannot run
        must_parse(file)
    models = {"LOCAL_MODELS": TINY} if checklist.cluster else MORE_NAMES
    server = running.enter_context(embedded_server(settings=models))
    receiver = running.enter_context(trace_receiver()) if checklist.traces else ""
    cluster = running.enter_context(serving_cluster(target.config)) if checklist.cluster else None
    return running.enter_context(
        started(target.build, server, checklist.environment, receiver=receiver, deployment=cluster)
    )


def _graded(checks: Sequence[Check], subject: Subject, target: Target, *, shown: bool) -> list[Result]:
    """The results, each `shown` as soon as it is there, and remembered even if the grading is interrupted."""
    results: list[Result] = []
    try:
        for result in grade(checks, subject):
            results.append(result)
            if shown:
                print(report.line(result), flush=True)
    finally:
        remember(target.memory, results)
    return results


class _Parser(argparse.ArgumentParser):
    """A parser that answers a mistake with one line."""

    def error(self, message: str) -> NoReturn:
        print(re.sub(r"^argument [^:]+: ", "", message), file=sys.stderr)
        sys.exit(NOTHING_TO_GRADE)


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m workshop.grader", description=__doc__)
    parser.add_argument("number", type=_demo, help="the number of the demo")
    parser.add_argument("--url", type=_url, help="grade this running service; without it one is started")
    parser.add_argument(
        "--upstream", type=_url, help="its embedded model server (default: 100 ports above the service)"
    )
    parser.add_argument("--log-file", help="its request log (default: LOG_FILE or logs.json, if it writes there)")
    parser.add_argument("--solution", type=_solution, default=REFERENCE, help="which one to start")
    parser.add_argument("--only", default="", metavar="CHECKS", help="names of checks, or failed: the last failures")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a report")
    return parser.parse_args(arguments)


def _demo(text: str) -> int:
    checks = Path(__file__).parent / "checks"
    numbers = sorted(path.stem.removeprefix("demo_") for path in checks.glob("demo_*.py"))
    if text not in numbers:
        raise argparse.ArgumentTypeError(f"there is no demo {text}; there are {', '.join(numbers)}")
    return int(text)


def _solution(text: str) -> str:
    if text not in (REFERENCE, EXERCISE):
        raise argparse.ArgumentTypeError(f"SOLUTION={text}: write {EXERCISE} for your version, {REFERENCE} for ours")
    return text


def _url(text: str) -> str:
    try:
        return service_url(text)
    except BadUrl as reason:
        raise argparse.ArgumentTypeError(str(reason)) from None


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)  # so that everything we started is stopped


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
