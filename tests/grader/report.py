"""Results for a person, line by line, and for a machine, as one JSON object."""

import json
import textwrap
from collections.abc import Sequence

from tests.grader.grading import Result, Score, Status

MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.NOT_GRADED: "–"}


def line(result: Result) -> str:
    """One check in one line."""
    check = result.check
    points = "–" if result.status is Status.NOT_GRADED else str(result.earned)
    said = f"not graded: {result.why}" if result.status is Status.NOT_GRADED else check.title
    return f" {MARKS[result.status]} {points}/{check.points}  {check.name:<24} {said}"


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


def closing(score: Score) -> str:
    left_out = score.total - score.graded
    return f"Score: {score.earned}/{score.graded}" + (f" ({_points(left_out)} not graded)" if left_out else "")


def document(demo: int, url: str | None, results: Sequence[Result]) -> str:
    score = Score.of(results)
    return json.dumps(
        {
            "demo": demo,
            "url": url,
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
                }
                for result in results
            ],
        },
        ensure_ascii=False,
    )


def _points(number: int) -> str:
    return f"{number} point" if number == 1 else f"{number} points"
