"""A check can get a second service with other settings, if the grader starts the services."""

import pytest

from workshop.grader.launch import embedded_server, started
from workshop.grader.service import Service
from workshop.grader.subject import Configured, Subject
from workshop.grader.verdict import NotGraded

SHORT_PROMPTS = {"MAX_CHARS": "10"}


def test_it_is_the_same_service_with_other_settings_and_its_curls_say_so() -> None:
    with (
        embedded_server() as server,
        started("demos.demo_1_guarded.app:build", server, {}) as subject,
        subject.started_with(SHORT_PROMPTS) as other,
    ):
        refused = other.ask("x" * 11)
        assert refused.must_be_error(422)["code"] == "prompt_too_long"
        assert refused.curl.startswith("# from a service started with MAX_CHARS=10\ncurl -i -X POST")
        assert subject.answered("x" * 11).curl.startswith("curl -i -X POST")


def test_a_service_that_runs_already_cannot_be_started_with_other_settings() -> None:
    subject = Subject(Service("http://localhost:8000"), Configured())
    with pytest.raises(NotGraded, match="a service started with MAX_CHARS=10; without a URL"):
        subject.started_with(SHORT_PROMPTS).__enter__()
