"""Results for a person, line by line, in the spoken language; and for a machine, as one JSON object, in English."""

import json
import textwrap
from collections.abc import Sequence

from workshop.grader.check import Check, Checklist
from workshop.grader.grading import GONE, Result, Score, Status
from workshop.grader.launch import SHORT
from workshop.grader.problems import Problem
from workshop.grader.target import EXERCISE, Target
from workshop.translation.phrases import say
from workshop.translation.sentences import told

MARKS = {Status.PASSED: "✓", Status.FAILED: "✗", Status.NOT_GRADED: "–"}
WIDTH = 118  # columns
SHOWN_WHOLE = 2  # lost checks with the same explanation; of more, only the first is shown whole

BROKEN = '500 {"error"'  # how an answer begins that an exception has caused

Same = tuple[str, str]


def heading(target: Target, checklist: Checklist, checks: Sequence[Check]) -> str:
    """What will be graded."""
    points = sum(check.points for check in checks)
    chosen = len(checks) < len(checklist.checks)
    of_all = say(" of {all}", all=len(checklist.checks)) if chosen else ""
    counted = f"{told(checklist.title)}: {_checks(len(checks))}{of_all}, {_points(points)}"
    return "\n".join([told(target.heading), *map(told, target.notes), counted, ""])


def line(result: Result) -> str:
    """One check in one line."""
    check = result.check
    points = "–" if result.status is Status.NOT_GRADED else str(result.earned)
    said = told(check.title)
    if result.status is Status.NOT_GRADED:
        said = say("not graded: {why}", why=told(result.why))
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
    return "\n".join([*(part for part in parts if part), *following, "", *map(told, target.notes), score])


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
        lines.append("  " + say("{place} cannot use what this returns.", place=problem.returned_to))
    lost = [result for result in results if result.status is Status.FAILED]
    seen = [result for result in lost if any(one.same == problem.same for one in result.problems)]
    broke = [result.check.name for result in seen if BROKEN in result.got]
    others = [result.check.name for result in seen if BROKEN not in result.got]
    if broke:
        all_of_them = say("{number} lost check" if len(lost) == 1 else "{number} lost checks", number=len(lost))
        names = ", ".join(broke)
        explained = say("It explains {number} of {all}: {names}.", number=len(broke), all=all_of_them, names=names)
        lines.append(_wrapped(explained))
    if others:
        looked = ", ".join(others)
        also = say("It was also raised while these looked: {names}.", names=looked)
        lines.append(_wrapped(also if broke else say("It was raised while these looked: {names}.", names=looked)))
    if not seen:
        lines.append("  " + say("It cost no check its points."))
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
        same = say("500 as well, by the exception above.")
        shown.append(_wrapped(f"\n✗ {names}: {same}", indent=""))
        shown.append("  " + say("To see one whole: {command}", command=f"{again} ONLY={by_name[0].check.name}"))
    if gone:
        names = ", ".join(result.check.name for result in gone)
        unseen = say("not looked at, because the service no longer answered.")
        shown.append(_wrapped(f"\n✗ {names}: {unseen}", indent=""))
    return "\n".join(shown)


def failure(result: Result) -> str:
    """A failed check with what was expected, what came, and how to see it."""
    shown = [
        f"\n✗ {result.check.name}: {told(result.check.title)}",
        f"  {say('expected'):<8}  {told(result.expected)}",
        f"  {say('got'):<8}  {told(result.got)}",
    ]
    if result.curl:
        shown += [f"  {say('see it')}", textwrap.indent(result.curl, "    ")]
    return "\n".join(shown)


def _how_to_see(target: Target, checklist: Checklist, results: Sequence[Result]) -> str:
    """Which service the commands talk to, and where to find exceptions that the grader cannot see."""
    failed = [result for result in results if result.status is Status.FAILED]
    if not failed:
        return ""
    if not target.url:
        which = f" SOLUTION={EXERCISE}" if target.solution == EXERCISE else ""
        settings = " ".join(f"{name}={value}" for name, value in {**SHORT, **checklist.environment}.items())
        how = say("The commands talk to a service with the grader's settings. Let it run in another terminal:")
        return f"\n{how}\n  {settings} make demo-{target.number}{which}"
    broke = [result.check.name for result in failed if result.got.startswith("500")]
    if not broke:
        return ""
    where = say(
        "The service answered 500 in {names}. Its own log has the exception: look in the terminal where it runs, "
        "by the request_id of the answer.",
        names=", ".join(broke),
    )
    return _wrapped(f"\n{where}")


def _wrapped(text: str, indent: str = "  ") -> str:
    start = "\n" if text.startswith("\n") else ""
    return start + textwrap.fill(text.strip(), WIDTH, initial_indent=indent, subsequent_indent="  ")


# --- the score ------------------------------------------------------------------------------------------------------


def closing(score: Score, graded: str = "", ran: int = 0) -> str:
    """The score. `graded` says what was graded; `ran` is the number of checks, if only some were run."""
    parts = [say("Score: {earned}/{total}", earned=score.earned, total=score.graded)]
    if ran:
        parts.append(say("of the {number} check run" if ran == 1 else "of the {number} checks run", number=ran))
    if note := left_out(score):
        parts.append(note)
    if graded:
        parts.append(f"· {told(graded)}")
    return " ".join(parts)


def left_out(score: Score) -> str:
    """How many points nobody could grade; empty if there are none."""
    points = score.total - score.graded
    return f"({say('{points} not graded', points=_points(points))})" if points else ""


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
    return say("{number} point" if number == 1 else "{number} points", number=number)


def _checks(number: int) -> str:
    return say("{number} check" if number == 1 else "{number} checks", number=number)
