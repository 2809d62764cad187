"""Results for a person, line by line, and for a machine, as one JSON object."""

import json
import textwrap
from collections.abc import Sequence

from workshop.grader.check import Check, Checklist
from workshop.grader.grading import GONE, Result, Score, Status
from workshop.grader.launch import SHORT
from workshop.grader.problems import Problem
from workshop.grader.target import EXERCISE, Target

MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.NOT_GRADED: "–"}
WIDTH = 118  # columns
SHOWN_WHOLE = 2  # lost checks with the same explanation; of more, only the first is shown whole

BROKEN = '500 {"error"'  # how an answer begins that an exception has caused

Same = tuple[str, str]


def heading(target: Target, checklist: Checklist, checks: Sequence[Check]) -> str:
    """What will be graded."""
    points = sum(check.points for check in checks)
    chosen = len(checks) < len(checklist.checks)
    of_all = f" of {len(checklist.checks)}" if chosen else ""
    counted = f"{checklist.title}: {_counted(len(checks), 'check')}{of_all}, {_points(points)}"
    return "\n".join([target.heading, *target.notes, counted, ""])


def line(result: Result) -> str:
    """One check in one line."""
    check = result.check
    points = "–" if result.status is Status.NOT_GRADED else str(result.earned)
    said = f"not graded: {result.why}" if result.status is Status.NOT_GRADED else check.title
    return f" {MARKS[result.status]} {points}/{check.points}  {check.name:<24} {said}"


def show(result: Result) -> None:
    print(line(result), flush=True)


def skip(result: Result) -> None:
    """Shows nothing: a machine reads the whole at the end."""


def summary(target: Target, checklist: Checklist, results: Sequence[Result], following: Sequence[str] = ()) -> str:
    """Everything that follows the checks: what the service raised, what was lost, what is next, the score."""
    chosen = len(results) if len(results) < len(checklist.checks) else 0
    parts = [raised(results), failures(results, target.command), _how_to_see(target, checklist, results)]
    score = closing(Score.of(results), target.name, ran=chosen)
    return "\n".join([*(part for part in parts if part), *following, "", *target.notes, score])


# --- what the service raised ----------------------------------------------------------------------------------------


def raised(results: Sequence[Result]) -> str:
    """The service's own failures, each once, with the lost checks that it explains; may be empty."""
    alike: dict[Same, Problem] = {}
    for result in results:
        for problem in result.problems:
            alike.setdefault(problem.same, problem)
    told = [problem for problem in alike.values() if not any(problem.follows(other) for other in alike.values())]
    return "\n".join(_raised(problem, results) for problem in told)


def _raised(problem: Problem, results: Sequence[Result]) -> str:
    lines = [f"\n! {problem}", textwrap.indent(problem.source, "    ")]
    if problem.returned_to:
        lines.append(f"  {problem.returned_to} cannot use what this returns.")
    lost = [result for result in results if result.status is Status.FAILED]
    seen = [result for result in lost if any(one.same == problem.same for one in result.problems)]
    broke = [result.check.name for result in seen if BROKEN in result.got]
    others = [result.check.name for result in seen if BROKEN not in result.got]
    if broke:
        lines.append(_wrapped(f"It explains {len(broke)} of {_counted(len(lost), 'lost check')}: {', '.join(broke)}."))
    if others:
        lines.append(_wrapped(f"It was {'also ' if broke else ''}raised while these looked: {', '.join(others)}."))
    if not seen:
        lines.append("  It cost no check its points.")
    return "\n".join(line for line in lines if line)


# --- what was lost --------------------------------------------------------------------------------------------------


def failures(results: Sequence[Result], again: str) -> str:
    """The lost checks. If one exception explains several, the first is shown whole, the others by name.

    `again` is the command that shows one of the others whole.
    """
    lost = [result for result in results if result.status is Status.FAILED]
    explained: dict[tuple[Same, ...], list[Result]] = {}
    for result in lost:
        if result.problems and BROKEN in result.got:
            explained.setdefault(tuple(dict.fromkeys(problem.same for problem in result.problems)), []).append(result)
    by_name = [result for alike in explained.values() if len(alike) > SHOWN_WHOLE for result in alike[1:]]
    gone = [result for result in lost if result.got == GONE]
    shown = [failure(result) for result in lost if result not in by_name and result not in gone]
    if by_name:
        names = ", ".join(result.check.name for result in by_name)
        shown.append(_wrapped(f"\n✗ {names}: 500 as well, by the exception above.", indent=""))
        shown.append(f"  To see one whole: {again} ONLY={by_name[0].check.name}")
    if gone:
        names = ", ".join(result.check.name for result in gone)
        shown.append(_wrapped(f"\n✗ {names}: not looked at, because the service no longer answered.", indent=""))
    return "\n".join(shown)


def failure(result: Result) -> str:
    """A failed check with what was expected, what came, and how to see it."""
    shown = [
        f"\n✗ {result.check.name}: {result.check.title}",
        f"  expected  {result.expected}",
        f"  got       {result.got}",
    ]
    if result.curl:
        shown += ["  see it", textwrap.indent(result.curl, "    ")]
    return "\n".join(shown)


def _how_to_see(target: Target, checklist: Checklist, results: Sequence[Result]) -> str:
    """Which service the commands talk to, and where to find exceptions that the grader cannot see."""
    failed = [result for result in results if result.status is Status.FAILED]
    if not failed:
        return ""
    if not target.url:
        which = f" SOLUTION={EXERCISE}" if target.solution == EXERCISE else ""
        settings = " ".join(f"{name}={value}" for name, value in {**SHORT, **checklist.environment}.items())
        return (
            "\nThe commands talk to a service with the grader's settings. Let it run in another terminal:\n"
            f"  {settings} make demo-{target.number}{which}"
        )
    broke = [result.check.name for result in failed if result.got.startswith("500")]
    if not broke:
        return ""
    where = "in the terminal where it runs, by the request_id of the answer"
    return _wrapped(f"\nThe service answered 500 in {', '.join(broke)}. Its own log has the exception: look {where}.")


def _wrapped(text: str, indent: str = "  ") -> str:
    start = "\n" if text.startswith("\n") else ""
    return start + textwrap.fill(text.strip(), WIDTH, initial_indent=indent, subsequent_indent="  ")


# --- the score ------------------------------------------------------------------------------------------------------


def closing(score: Score, graded: str = "", ran: int = 0) -> str:
    """The score. `graded` says what was graded; `ran` is the number of checks, if only some were run."""
    parts = [f"Score: {score.earned}/{score.graded}"]
    if ran:
        parts.append(f"of the {_counted(ran, 'check')} run")
    if left_out := score.total - score.graded:
        parts.append(f"({_points(left_out)} not graded)")
    if graded:
        parts.append(f"· {graded}")
    return " ".join(parts)


def document(target: Target, results: Sequence[Result]) -> str:
    """One JSON object: the score, and what is known about each check."""
    score = Score.of(results)
    return json.dumps(
        {
            "demo": target.number,
            "url": target.url or None,
            "subject": target.name,
            "notes": target.notes,
            "score": score.earned,
            "graded": score.graded,
            "total": score.total,
            "checks": [
                {
                    "name": result.check.name,
                    "title": result.check.title,
                    "status": result.status,
                    "points": result.check.points,
                    "earned": result.earned,
                    "expected": result.expected or None,
                    "got": result.got or None,
                    "curl": result.curl or None,
                    "why": result.why or None,
                    "raised": list(dict.fromkeys(map(str, result.problems))),
                }
                for result in results
            ],
        },
        ensure_ascii=False,
    )


def _points(number: int) -> str:
    return _counted(number, "point")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
