"""`make grade`: every demo that can be graded here, one line each at the end, and a total."""

import json

import pytest

from tests.attendee import Project
from workshop.grader import all_demos
from workshop.grader.all_demos import Outcome
from workshop.grader.check import Check
from workshop.grader.grading import Result, Status
from workshop.grader.subject import Subject
from workshop.grader.target import EXERCISE, Target


def looks(subject: Subject) -> None:
    return


def outcome(number: int, *statuses: Status) -> Outcome:
    results = [Result(Check(f"check_{place}", 2, "It works", looks), status) for place, status in enumerate(statuses)]
    return Outcome(Target(number, EXERCISE), tuple(results))


def test_a_demo_that_does_not_load_costs_its_points_and_one_that_cannot_run_here_costs_none() -> None:
    outcomes = [
        outcome(1, Status.PASSED, Status.FAILED, Status.NOT_GRADED),
        Outcome(Target(2, EXERCISE), why="cannot load x.py: SyntaxError", points=20),
        Outcome(Target(6, EXERCISE), why="Ray Serve and vLLM are not installed: make install-serving"),
    ]
    assert [one.line for one in outcomes] == [
        "demo 1  2/4 (2 points not graded)",
        "demo 2  0/20: cannot load x.py: SyntaxError",
        "demo 6  not graded: Ray Serve and vLLM are not installed: make install-serving",
    ]
    score = all_demos.total(outcomes)
    assert (score.earned, score.graded, score.total) == (2, 24, 26)
    document = json.loads(all_demos.document(outcomes))
    assert (document["score"], document["graded"], document["total"]) == (2, 24, 26)
    assert [demo["demo"] for demo in document["demos"]] == [1, 2, 6]


@pytest.mark.prove
def test_all_exercises_are_graded_recorded_and_added_up(project: Project) -> None:
    project.solve()
    cache = project.root / "demos" / "demo_3_caching" / "exercise" / "cache.py"
    cache.write_text(cache.read_text().replace("-> bytes | None:", "-> bytes | None"))
    done = project.make("grade", "SOLUTION=exercise")
    assert done.returncode == 2, done.stdout + done.stderr  # demo 3 does not load
    lines = done.stdout.splitlines()
    assert "demo 1  20/20" in lines
    assert [line for line in lines if line.startswith("demo 3  0/20: cannot load demos/demo_3_caching/exercise/cache")]
    assert "demo 6  not graded: Ray Serve and vLLM are not installed: make install-serving" in lines
    assert "✓ Task 3 · RetryTransient." in done.stdout
    assert [line for line in lines if line.startswith("Next: demo 2 · Who may call, and how often")], done.stdout
    assert lines[-1].startswith("Score: ")
    assert lines[-1].endswith("· your versions")
    assert "■ 20/20".replace(" ", "  ") in project.make("progress").stdout
