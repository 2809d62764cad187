"""An exception of the attendee's code is shown once, above the failures, with the checks that it explains."""

from dataclasses import replace

from workshop.grader import report
from workshop.grader.check import Check, Checklist
from workshop.grader.grading import Result, Score, Status
from workshop.grader.problems import Problem
from workshop.grader.subject import Subject
from workshop.grader.target import Target

YOURS = Target(1, "exercise")
TARIFF = Problem("TypeError", "cannot unpack float", "guards.py:84, in Tariff.cost", "return 0.5", "service.py:120")
GOT_500 = '500 {"error": {"code": "internal_error"}}'


def looks(subject: Subject) -> None:
    return


def lost(name: str, got: str, *problems: Problem) -> Result:
    return Result(Check(name, 1, f"Title of {name}", looks), Status.FAILED, "200", got, f"curl {name}", "", problems)


RESULTS = [lost("tokens", GOT_500, TARIFF), lost("load", f"0; the first: {GOT_500}", TARIFF, TARIFF)]


def test_an_exception_is_shown_once_with_its_line_and_what_it_explains() -> None:
    told = report.raised([*RESULTS, lost("backoff", "no second try", TARIFF), lost("limit", "200")])
    assert told.splitlines() == [
        "",
        "! guards.py:84, in Tariff.cost: TypeError: cannot unpack float",
        "    return 0.5",
        "  service.py:120 cannot use what this returns.",
        "  It explains 2 of 4 lost checks: tokens, load.",
        "  It was also raised while these looked: backoff.",
    ]


def test_exceptions_that_differ_only_in_their_reason_are_one() -> None:
    other = replace(TARIFF, reason="cannot unpack another float")
    assert report.raised([lost("tokens", GOT_500, TARIFF), lost("load", GOT_500, other)]).count("\n!") == 1


def test_a_coroutine_that_was_not_awaited_because_of_an_exception_is_not_shown() -> None:
    warning = Problem("RuntimeWarning", "coroutine 'Tariff.cost' was never awaited", "shared/service.py:120")
    assert "never awaited" not in report.raised([lost("tokens", GOT_500, warning, TARIFF)])
    assert "never awaited" in report.raised([lost("tokens", GOT_500, warning)])


def test_many_checks_with_one_explanation_are_shown_by_name_except_the_first() -> None:
    shown = report.failures([*RESULTS, lost("cost", GOT_500, TARIFF), lost("limit", "200", TARIFF)], "make grade-1")
    assert [name for name in ("tokens", "load", "cost", "limit") if f"Title of {name}" in shown] == ["tokens", "limit"]
    assert "✗ load, cost: 500 as well, by the exception above." in shown
    assert "To see one whole: make grade-1 ONLY=load" in shown


def test_two_checks_with_one_explanation_are_both_shown_in_full() -> None:
    shown = report.failures(RESULTS, "make grade-1")
    assert "curl tokens" in shown
    assert "curl load" in shown


def test_an_exception_that_cost_no_points_is_shown_too() -> None:
    passed = replace(RESULTS[0], status=Status.PASSED)
    assert "It cost no check its points." in report.raised([passed])


def test_the_score_names_what_was_graded() -> None:
    checklist = Checklist("Demo 1", checks=[result.check for result in RESULTS])
    assert report.summary(YOURS, checklist, RESULTS).splitlines()[-1] == (
        "Score: 0/2 · demos/demo_1_guarded/exercise (your version)"
    )
    assert report.summary(YOURS, checklist, RESULTS[:1]).splitlines()[-1] == (
        "Score: 0/1 of the 1 check run · demos/demo_1_guarded/exercise (your version)"
    )
    assert report.closing(Score(1, 7, 20)) == "Score: 1/7 (13 points not graded)"


def test_for_a_running_service_the_report_says_where_its_exceptions_are() -> None:
    checklist = Checklist("Demo 1", checks=[RESULTS[0].check])
    found = Target(1, url="http://localhost:8000")
    shown = report.summary(found, checklist, [lost("tokens", GOT_500)])
    assert "The service answered 500 in tokens. Its own log has the exception" in shown
    assert "Its own log" not in report.summary(YOURS, checklist, RESULTS)


def test_the_commands_come_with_the_settings_of_the_service_that_they_talk_to() -> None:
    checklist = Checklist("Demo 2", {"RATE_LIMIT_RPM": "10", "TIMEOUT": "20"}, checks=[RESULTS[0].check])
    shown = report.summary(Target(2, "exercise"), checklist, RESULTS[:1])
    (start,) = [line for line in shown.splitlines() if line.endswith(" make demo-2 SOLUTION=exercise")]
    assert {"RATE_LIMIT_RPM=10", "TIMEOUT=20", "MAX_RETRIES=3"} <= set(start.split())
    assert "TIMEOUT=2" not in start.split()
