"""Results for a person, line by line, and for a machine, as one JSON object."""

import json
import textwrap
from collections.abc import Sequence

from tests.grader.check import Check, Checklist
from tests.grader.grading import Result, Score, Status
from tests.grader.problems import Problem
from tests.grader.target import EXERCISE, Target

MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.NOT_GRADED: "–"}
WIDTH = 118  # columns
SHOWN_WHOLE = 2  # lost checks with the same explanation; of more, the first only

Reasons = tuple[tuple[str, str], ...]


def heading(target: Target, checklist: Checklist, checks: Sequence[Check]) -> str:
    """What is graded, before anything is."""
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


def summary(target: Target, checklist: Checklist, results: Sequence[Result]) -> str:
    """All that is said once the checks are done: what the service raised, what was lost, the score."""
    chosen = len(results) if len(results) < len(checklist.checks) else 0
    parts = [raised(results), failures(results, target.command), _how_to_see(target, results)]
    score = closing(Score.of(results), target.name, ran=chosen)
    return "\n".join([*(part for part in parts if part), "", *target.notes, score])


# --- what the service raised ----------------------------------------------------------------------------------------


def raised(results: Sequence[Result]) -> str:
    """What the service said of its own failures, each once, with the lost checks that it explains; may be empty."""
    alike: dict[tuple[str, str], Problem] = {}
    for result in results:
        for problem in result.problems:
            alike.setdefault(problem.same, problem)
    return "\n".join(_raised(problem, results) for problem in alike.values())


def _raised(problem: Problem, results: Sequence[Result]) -> str:
    lines = [f"\n! {problem}", textwrap.indent(problem.source, "    ")]
    if problem.returned_to:
        lines.append(f"  {problem.returned_to} cannot use what this returns.")
    lost = [
        result.check.name
        for result in results
        if result.status is Status.FAILED and any(one.same == problem.same for one in result.problems)
    ]
    explains = f"It happened during {_counted(len(lost), 'lost check')}: {', '.join(lost)}."
    lines.append(_wrapped(explains if lost else "It cost no check its points."))
    return "\n".join(line for line in lines if line)


# --- what was lost --------------------------------------------------------------------------------------------------


def failures(results: Sequence[Result], again: str) -> str:
    """What was lost. Of several checks with one explanation the first is shown whole, and the others in a line each.

    `again` is the command that shows one of those whole.
    """
    by_reason: dict[Reasons, list[Result]] = {}
    for result in results:
        if result.status is Status.FAILED:
            by_reason.setdefault(tuple(dict.fromkeys(problem.same for problem in result.problems)), []).append(result)
    in_short = [
        result for reasons, alike in by_reason.items() if reasons and len(alike) > SHOWN_WHOLE for result in alike[1:]
    ]
    shown = [failure(result) for alike in by_reason.values() for result in alike if result not in in_short]
    if in_short:
        shown.append("\nLost as well, with the same exception:")
        shown += [f"  ✗ {result.check.name:<24} got {_in_short(result.got)}" for result in in_short]
        shown.append(f"  To see one whole: {again} ONLY={in_short[0].check.name}")
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


def _how_to_see(target: Target, results: Sequence[Result]) -> str:
    """Where the curls lead, and where to look for exceptions that the grader cannot see."""
    failed = [result for result in results if result.status is Status.FAILED]
    if not failed:
        return ""
    if not target.url:
        which = f" SOLUTION={EXERCISE}" if target.solution == EXERCISE else ""
        return f"\nThe commands talk to what `make demo-{target.number}{which}` starts: let it run in another terminal."
    broke = [result.check.name for result in failed if result.got.startswith("500")]
    if not broke:
        return ""
    where = "in the terminal where it runs, by the request_id of the answer"
    return _wrapped(f"\nThe service answered 500 in {', '.join(broke)}. Its own log has the exception: look {where}.")


def _wrapped(text: str) -> str:
    start = "\n" if text.startswith("\n") else ""
    return start + textwrap.fill(text.strip(), WIDTH, initial_indent="  ", subsequent_indent="  ")


def _in_short(text: str) -> str:
    return textwrap.shorten(text, 86, placeholder=" …")


# --- the score ------------------------------------------------------------------------------------------------------


def closing(score: Score, graded: str = "", ran: int = 0) -> str:
    """`graded` says what. `ran` is the number of checks, if they were not all of them."""
    parts = [f"Score: {score.earned}/{score.graded}"]
    if ran:
        parts.append(f"of the {_counted(ran, 'check')} run")
    if left_out := score.total - score.graded:
        parts.append(f"({_points(left_out)} not graded)")
    if graded:
        parts.append(f"· {graded}")
    return " ".join(parts)


def document(target: Target, results: Sequence[Result]) -> str:
    """One JSON object: the score, and what is known of each check."""
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
