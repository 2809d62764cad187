"""Run the checks against a subject, and add up.

In: checks and a Subject. Out: one Result per check, and the Score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from workshop.grader.check import Check
from workshop.grader.problems import Problem
from workshop.grader.subject import Subject
from workshop.grader.verdict import Failed, NotGraded

GONE = "nothing: the service no longer answered"
NO_ANSWER = "no answer"  # what an Answer says of itself when nothing came


class Status(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_GRADED = "not_graded"


@dataclass(slots=True, frozen=True)
class Result:
    """`why` says why a check was not graded; `expected`, `got` and `curl` belong to a failure.

    `problems` is what the service reported of its own failures during the check.
    """

    check: Check
    status: Status
    expected: str = ""
    got: str = ""
    curl: str = ""
    why: str = ""
    problems: tuple[Problem, ...] = ()

    @property
    def earned(self) -> int:
        return self.check.points if self.status is Status.PASSED else 0


@dataclass(slots=True, frozen=True)
class Score:
    """Points. Ungraded checks do not count: `graded` is what could be earned, `total` is what exists."""

    earned: int
    graded: int
    total: int

    @classmethod
    def of(cls, results: Sequence[Result]) -> "Score":
        return cls(
            earned=sum(result.earned for result in results),
            graded=sum(result.check.points for result in results if result.status is not Status.NOT_GRADED),
            total=sum(result.check.points for result in results),
        )

    @property
    def full(self) -> bool:
        return self.earned == self.graded > 0


def grade(checks: Sequence[Check], subject: Subject) -> Iterator[Result]:
    """One result after the other, as soon as each is there. Once the service is gone, the remaining checks are lost."""
    gone = ""
    for check in checks:
        if gone:
            yield Result(check, Status.FAILED, expected=check.title, got=GONE)
            continue
        result = run(check, subject)
        if result.status is Status.FAILED and (gone := subject.gone(silent=NO_ANSWER in result.got)):
            result = replace(result, got=f"{result.got}; the service {gone}")
        yield result


def run(check: Check, subject: Subject) -> Result:
    return replace(_looked(check, subject), problems=tuple(subject.problems.take()))


def _looked(check: Check, subject: Subject) -> Result:
    try:
        check.look(subject)
    except Failed as failed:
        return Result(check, Status.FAILED, expected=failed.expected, got=failed.got, curl=failed.curl)
    except NotGraded as unknown:
        return Result(check, Status.NOT_GRADED, why=str(unknown))
    except Exception as surprise:  # an unforeseen reply fails its check, never the rest of the grading
        return Result(check, Status.FAILED, expected=check.title, got=f"{type(surprise).__name__}: {surprise}")
    return Result(check, Status.PASSED)
