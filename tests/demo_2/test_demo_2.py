"""The checks of demo 2, checked: the reference passes them all, and demo 1's as well."""

from collections.abc import Iterator

import pytest

from tests.demo_1.checks import CHECKLIST as DEMO_1
from tests.demo_2.checks import CHECKLIST
from tests.demo_2.conftest import Start
from tests.grader import report
from tests.grader.grading import Status, run
from tests.grader.stand import ModelServer, started
from tests.grader.subject import Subject

REFERENCE = "demos.demo_2_who_and_how_often.app:build"
NAMES = [check.name for check in CHECKLIST.checks]

# Demo 1's checks come from one stranger, as often as they like.
NO_LIMITS = {"RATE_LIMIT_RPM": "1000000", "RATE_LIMIT_RPH": "1000000", "RATE_LIMIT_TPM": "100000000"}
NO_LIMITS["RATE_LIMIT_ANONYMOUS_RPM"] = NO_LIMITS["RATE_LIMIT_RPM"]


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_passes(name: str, service: Start) -> None:
    result = run(CHECKLIST[name], service(REFERENCE))
    assert result.status is Status.PASSED, report.failure(result) + result.why


@pytest.fixture(scope="module")
def without_limits(server: ModelServer) -> Iterator[Subject]:
    with started(REFERENCE, server, NO_LIMITS) as subject:
        yield subject


@pytest.mark.parametrize("name", [check.name for check in DEMO_1.checks])
def test_what_demo_1_does_demo_2_does(name: str, without_limits: Subject) -> None:
    result = run(DEMO_1[name], without_limits)
    assert result.status is Status.PASSED, report.failure(result)


def test_there_are_twenty_points() -> None:
    assert sum(check.points for check in CHECKLIST.checks) == 20
