"""An unexpected exception is in the service's log once, with its request, and the grader reads it there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_for
from workshop.grader.launch import ModelServer, embedded_server, started
from workshop.grader.problems import Problem, Problems, problems_in
from workshop.grader.subject import Subject
from workshop.processes import CannotStart

FAIL = "please fail"


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


def told(subject: Subject, request_id: str) -> list[dict[str, Any]]:
    """All exceptions in the log, as soon as that of the request is there."""

    def lines() -> list[dict[str, Any]]:
        printed = [json.loads(line) for line in subject.log.text().splitlines() if line.startswith("{")]
        return [line for line in printed if "exception" in line or "Exception" in str(line.get("message"))]

    wait_for(
        lambda: [line for line in lines() if line.get("request_id") == request_id], "the log has the exception", 60
    )
    return lines()


@pytest.mark.parametrize(
    ("build", "method", "path", "exception", "function"),
    [
        ("in_a_layer", "POST", "/generate", "KeyError", "RaisesWhenTold.__call__"),
        ("in_a_route", "GET", "/broken", "LookupError", "in_a_route.routes.broken"),
        ("in_the_middle_of_a_stream", "POST", "/generate/stream", "ArithmeticError", "in_the_middle_of_a_stream.relay"),
    ],
)
def test_it_is_logged_once_with_its_request_and_its_line(
    build: str, method: str, path: str, exception: str, function: str, server: ModelServer
) -> None:
    with started(f"tests.grader.broken:{build}", server, {}) as subject:
        body = json.dumps({"prompt": FAIL}) if method == "POST" else None
        answer = subject.service.request(method, path, body=body, headers={"X-Request-ID": "req-7"})
        assert answer.status in (200, 500, None)
        (line,) = told(subject, "req-7")
    assert (line["exception"], line["file"], line["function"]) == (exception, "tests/grader/broken.py", function)
    assert line["source"].startswith("raise ")
    assert line["request_id"] == "req-7"


def test_a_log_line_that_cannot_be_json_is_reported_and_does_not_lose_others(server: ModelServer) -> None:
    with started("tests.grader.broken:in_a_log_line", server, {}) as subject:
        subject.ask(FAIL, headers={"X-Request-ID": "bad"})
        assert subject.log.lines_of(subject.answered("Hola"))
        (line,) = told(subject, "bad")
    assert (line["exception"], line["reason"]) == (
        "TypeError",
        "the log line's 'odd' cannot be JSON: Type is not JSON serializable: object",
    )


def test_a_layer_that_cannot_be_opened_is_reported_with_its_line(server: ModelServer) -> None:
    with (
        pytest.raises(
            CannotStart, match=r"^tests/grader/broken.py:\d+, in when_it_is_opened.Closed.open: OSError: the "
        ),
        started("tests.grader.broken:when_it_is_opened", server, {}),
    ):
        raise AssertionError("it must not start")


def test_the_grader_takes_each_problem_once_even_from_a_service_that_has_ended(server: ModelServer) -> None:
    problems = Problems()
    with started("tests.grader.broken:in_a_layer", server, {}, problems=problems) as subject:
        subject.ask(FAIL)
        (problem,) = problems.take()
        assert (problem.kind, problem.reason) == ("KeyError", "'tokens_left'")
        assert not problems.take()
        with subject.started_with({"MAX_CHARS": "100"}) as other:
            other.ask(FAIL)
        (again,) = problems.take()
    assert again.same == problem.same


def test_an_incomplete_line_waits_for_its_end(tmp_path: Path) -> None:
    printed, problems = tmp_path / "printed.txt", Problems()
    line = json.dumps({"exception": "ValueError", "reason": "ñ", "file": "a.py", "line": 3, "function": "f"}) + "\n"
    with problems.of(printed):
        printed.write_text(line[:20])
        assert problems.take() == []
        printed.write_text(line)
        assert list(map(str, problems.take())) == ["a.py:3, in f: ValueError: ñ"]


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "Traceback", '{"exception": 7}', '{"message": 7, "logger": "py.warnings"}']
)
def test_the_output_of_other_services_is_not_a_problem(line: str) -> None:
    assert problems_in(line) == []


def test_a_coroutine_that_nobody_awaited_is_a_problem() -> None:
    message = "guards.py:77: RuntimeWarning: coroutine 'sleep' was never awaited\n  asyncio.sleep(1)\n"
    assert problems_in(json.dumps({"logger": "py.warnings", "message": message})) == [
        Problem("RuntimeWarning", "coroutine 'sleep' was never awaited", "guards.py:77", "asyncio.sleep(1)")
    ]
