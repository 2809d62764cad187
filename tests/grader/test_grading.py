"""How points add up, and how a report shows points that were lost or could not be graded."""

import json

from workshop.grader import report
from workshop.grader.check import Check
from workshop.grader.grading import Score, Status, grade
from workshop.grader.service import Service
from workshop.grader.subject import Configured, Subject
from workshop.grader.target import Target
from workshop.grader.verdict import Failed, NotGraded


def passes(subject: Subject) -> None:
    return


def fails(subject: Subject) -> None:
    raise Failed("200", "500", "curl -i http://localhost:8000/health")


def cannot_tell(subject: Subject) -> None:
    raise NotGraded("there is no log; say where it is with --log-file")


def stumbles(subject: Subject) -> None:
    raise KeyError("metadata")


SUBJECT = Subject(Service("http://localhost:8000"), Configured())
PASSES, FAILS = Check("passes", 3, "It works", passes), Check("fails", 2, "It answers", fails)
CANNOT_TELL, STUMBLES = Check("cannot_tell", 4, "It logs", cannot_tell), Check("stumbles", 1, "It counts", stumbles)


def test_points_are_earned_whole_or_not_at_all() -> None:
    score = Score.of(list(grade([PASSES, FAILS], SUBJECT)))
    assert score == Score(earned=3, graded=5, total=5)
    assert not score.full


def test_a_check_that_cannot_be_graded_counts_neither_way_and_is_shown() -> None:
    results = list(grade([PASSES, CANNOT_TELL], SUBJECT))
    score = Score.of(results)
    assert score.full
    assert report.closing(score) == "Score: 3/3 (4 points not graded)"
    assert "not graded: there is no log; say where it is with --log-file" in report.line(results[1])


def test_nothing_graded_is_not_full_marks() -> None:
    assert not Score.of(list(grade([CANNOT_TELL], SUBJECT))).full


def test_an_unexpected_reply_fails_its_check_and_no_other() -> None:
    results = list(grade([STUMBLES, PASSES], SUBJECT))
    assert [result.status for result in results] == [Status.FAILED, Status.PASSED]
    assert "KeyError" in results[0].got


def test_a_failure_shows_the_expected_and_the_actual_result_and_the_curl() -> None:
    (result,) = grade([FAILS], SUBJECT)
    shown = report.failure(result)
    assert [line.split(maxsplit=1) for line in shown.splitlines()[2:4]] == [["expected", "200"], ["got", "500"]]
    assert shown.splitlines()[-1].strip() == "curl -i http://localhost:8000/health"


def test_the_document_has_the_score_and_each_check() -> None:
    document = json.loads(
        report.document(Target(1, url="http://x"), list(grade([PASSES, FAILS, CANNOT_TELL], SUBJECT)))
    )
    assert (document["score"], document["graded"], document["total"]) == (3, 5, 9)
    assert [check["status"] for check in document["checks"]] == ["passed", "failed", "not_graded"]
    assert document["checks"][1] | {"expected": "200", "got": "500", "earned": 0} == document["checks"][1]
