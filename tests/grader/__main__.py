"""`python -m tests.grader N [--url URL]`: grade demo N, the reference, the exercise, or any service that runs.

Exit status 0 at full marks of what could be graded, 1 below, 2 when there was nothing to grade.
"""

import argparse
import importlib
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from tests.grader import report
from tests.grader.check import Checklist
from tests.grader.grading import Result, Score, Status, grade
from tests.grader.stand import (
    MORE_NAMES,
    TINY,
    DeadService,
    embedded_server,
    found,
    serving_cluster,
    started,
    trace_receiver,
)
from tests.grader.subject import Subject
from workshop.processes import ROOT, CannotStart
from workshop.serving_cluster import LAPTOP

PASSED, LOST_POINTS, NOTHING_TO_GRADE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    options = _read(arguments)
    signal.signal(signal.SIGTERM, _stop)
    checklist: Checklist = importlib.import_module(f"tests.demo_{options.number}.checks").CHECKLIST
    with ExitStack() as running:
        try:
            if options.url:
                subject = running.enter_context(
                    found(options.url, options.upstream, options.log_file, checklist.cluster)
                )
            else:
                models = {"LOCAL_MODELS": TINY} if checklist.cluster else MORE_NAMES
                server = running.enter_context(embedded_server(settings=models))
                build = _build(options.number, options.solution)
                receiver = running.enter_context(trace_receiver()) if checklist.traces else ""
                config = _config(options.number, options.solution)
                cluster = running.enter_context(serving_cluster(config)) if checklist.cluster else None
                subject = running.enter_context(
                    started(build, server, checklist.environment, receiver=receiver, deployment=cluster)
                )
        except (DeadService, CannotStart) as reason:
            print(reason, file=sys.stderr)
            return NOTHING_TO_GRADE
        results = _grade(checklist, subject, options)
    return PASSED if Score.of(results).full else LOST_POINTS


def _grade(checklist: Checklist, subject: Subject, options: argparse.Namespace) -> list[Result]:
    if options.json:
        results = list(grade(checklist.checks, subject))
        print(report.document(options.number, options.url, results))
        return results
    print(f"{checklist.title} · {options.url or f'the {options.solution}'}\n", flush=True)
    results = []
    for result in grade(checklist.checks, subject):
        print(report.line(result), flush=True)
        results.append(result)
    failures = [result for result in results if result.status is Status.FAILED]
    for result in failures:
        print(report.failure(result))
    if failures and not options.url:
        demo = f"make demo-{options.number} SOLUTION={options.solution}"
        print(f"\nThe commands talk to what {demo} starts: let it run in another terminal.")
    print(f"\n{report.closing(Score.of(results))}")
    return results


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.grader", description=__doc__)
    parser.add_argument("number", type=int, choices=_demos(), help="which demo's checks")
    parser.add_argument("--url", type=_url, help="grade this running service; without it one is started")
    parser.add_argument(
        "--upstream", type=_url, help="its embedded model server (default: 100 ports above the service)"
    )
    parser.add_argument("--log-file", help="its request log (default: LOG_FILE or logs.json, if it writes there)")
    parser.add_argument("--solution", choices=["reference", "exercise"], default="reference", help="which one to start")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a report")
    return parser.parse_args(arguments)


def _demos() -> list[int]:
    return sorted(int(path.parent.name.removeprefix("demo_")) for path in (ROOT / "tests").glob("demo_*/checks.py"))


def _build(number: int, solution: str) -> str:
    (package,) = (path.name for path in (ROOT / "demos").glob(f"demo_{number}_*"))
    return f"demos.{package}.{'exercise.' if solution == 'exercise' else ''}app:build"


def _config(number: int, solution: str) -> Path:
    """What Ray Serve deploys, where a demo has one."""
    (package,) = (ROOT / "demos").glob(f"demo_{number}_*")
    return package / "exercise" / "serve.yaml" if solution == "exercise" else LAPTOP


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text} is not a URL; write http://{text.lstrip('/') or 'localhost:8000'}")
    return text.rstrip("/")


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)  # so that what was started is stopped


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
