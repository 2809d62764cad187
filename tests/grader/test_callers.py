"""Checks get callers that have not called for a window, and no report shows a token."""

import time
from collections.abc import Callable, Sequence

import pytest

from tests.grader.conftest import Stranger
from workshop.grader.callers import Caller, Callers, without_tokens
from workshop.grader.service import Service
from workshop.grader.subject import Configured, Subject
from workshop.grader.verdict import NotGraded

ANA, BERTA = Caller("wk_ana"), Caller("wk_berta")


def people(*callers: Caller) -> Callable[[], Sequence[Caller]]:
    return lambda: callers


def test_the_longest_rested_caller_comes_first_and_none_comes_too_soon() -> None:
    now = time.monotonic()
    seen = {ANA.token: now, BERTA.token: now - 0.3}
    callers = Callers(people(ANA, BERTA), seen.get)
    assert callers.pick(1, window=0.2) == [BERTA]
    assert callers.pick(2, window=0.2) == [BERTA, ANA]
    assert time.monotonic() >= now + 0.2


def test_too_few_callers_are_not_graded_and_the_report_says_how_to_get_more() -> None:
    with pytest.raises(NotGraded, match=r"it takes 2 callers; make tokens .* TOKENS"):
        Callers(people(ANA), lambda token: None).pick(2, window=0)


def test_a_window_that_is_too_long_to_wait_for_is_not_graded() -> None:
    subject = Subject(Service("http://localhost:8000"), Configured(rate_limit_window_sec=60.0))
    with pytest.raises(NotGraded, match="RATE_LIMIT_WINDOW_SEC=2 RATE_LIMIT_RPM=10, and tell the grader the same"):
        subject.stranger()


def test_a_given_token_is_sent_and_shown_as_a_variable(monkeypatch: pytest.MonkeyPatch, stranger: Stranger) -> None:
    monkeypatch.setenv("TOKENS", f"{BERTA.token} {ANA.token}")
    service = Service(stranger.url)
    service.shown = without_tokens
    answer = service.get("/usage", headers=ANA.headers)
    assert stranger.seen[0].headers["authorization"] == "Bearer wk_ana"
    assert '-H "Authorization: Bearer $TOKEN_2"' in answer.curl
    assert service.last_seen(ANA.token) == answer.received
    service.close()
