"""HINTS.md says what the exercises and the grader say: tasks, checks, three hints each, a solution and a reason."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.promises import checks_named_in
from workshop.processes import ROOT
from workshop.progress import pages, record
from workshop.progress.compare import comparison, solved
from workshop.progress.labs import LABS, POINTS, Lab, Page, duration
from workshop.progress.record import Record
from workshop.progress.standing import standings
from workshop.progress.tasks import NoSuchTask, find, tasks_of

BY_NUMBER = pytest.mark.parametrize("lab", LABS.values(), ids=lambda lab: f"demo {lab.number}")
TASK = re.compile(r"Tasks? (\d)")
TO_STAY = re.compile(r";[^.]*must stay as (?:it is|they are)")


def docstrings(lab: Lab) -> str:
    """What the starter's files say of their tasks."""
    folder = ROOT / lab.exercise
    texts = [ast.get_docstring(node) or "" for file in folder.glob("*.py") for node in _definitions(file)]
    comments = [line.lstrip("# ") for file in folder.glob("*.y*ml") for line in file.read_text().splitlines()]
    return " ".join([*texts, *comments]).replace("\n", " ")


def _definitions(file: Path) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)]


@BY_NUMBER
def test_the_tasks_are_those_of_the_exercise_and_together_they_have_its_checks(lab: Lab) -> None:
    tasks, said = tasks_of(lab), TO_STAY.sub("", docstrings(lab))
    assert [task.number for task in tasks] == sorted({int(number) for number in TASK.findall(said)})
    assert {check for task in tasks for check in task.checks} == checks_named_in(said)


@BY_NUMBER
def test_each_check_stands_at_one_task_and_the_grader_knows_it(lab: Lab) -> None:
    checks = [check for task in tasks_of(lab) for check in task.checks]
    known = importlib.import_module(f"workshop.grader.checks.demo_{lab.number}").CHECKLIST.checks
    assert len(checks) == len(set(checks))
    assert set(checks) <= {check.name for check in known}
    assert sum(check.points for check in known) == POINTS


@BY_NUMBER
def test_each_task_has_three_hints_a_reason_and_a_solution_that_exists(lab: Lab) -> None:
    for task in tasks_of(lab):
        assert len(task.hints) == 3, task
        assert all(len(hint.split()) > 8 for hint in task.hints), task
        assert 10 < len(task.why.split()) < 60, task
        assert (ROOT / task.solution.split("`")[1]).is_file(), task
        assert (ROOT / lab.exercise / task.file).is_file(), task


@BY_NUMBER
def test_the_starter_differs_from_our_solution_in_each_task(lab: Lab) -> None:
    for task in tasks_of(lab):
        assert solved(lab, task).is_file()
        shown = comparison(lab, task)
        assert "+ ours" in shown, task
        assert any(line.startswith("+   ") for line in shown.splitlines()), task


def test_a_task_is_found_by_its_number_and_by_its_name() -> None:
    tasks = tasks_of(LABS[1])
    assert find(tasks, "3") is find(tasks, "retrytransient") is tasks[2]
    with pytest.raises(NoSuchTask, match=r"TASK=6: there is no such task; there are 1 \(InputLimit\), 2 \(Deadline\)"):
        find(tasks, "6")


def test_a_task_without_its_own_solution_has_that_of_the_last_one_before_the_next_solution() -> None:
    assert [task.solution for task in tasks_of(LABS[6])] == [
        "`tests/demo_6/solved/serve.yaml`",
        *["`serving/ray_serve/by_hand.py`"] * 4,
    ]


@pytest.mark.parametrize(
    "page", ["", "# Hints\n", "## Task 1 · X\n\n1. Think.\n", "## Task 1 · X\n\nYou write it. Checks: .\n"]
)
def test_a_page_that_somebody_has_edited_has_fewer_tasks_and_stops_nobody(page: str, tmp_path: Path) -> None:
    assert tasks_of(LABS[1], tmp_path) == []
    hints = tmp_path / LABS[1].exercise / "HINTS.md"
    hints.parent.mkdir(parents=True)
    hints.write_text(page)
    kept = Record()
    record.grade(kept.of(1), {"cost": 1, "load": 1}, {"cost": record.PASSED, "load": record.FAILED})
    demos = list(standings(kept, tmp_path).values())
    assert not demos[0].tasks
    assert "Score: 1/" in pages.progress(demos, {})
    assert "make grade-1 SOLUTION=exercise ONLY=failed" in pages.start(demos, {})


@pytest.mark.parametrize(("minutes", "said"), [(2, "5 min"), (35, "35 min"), (60, "1 h"), (387, "6 h 25 min")])
def test_a_duration_is_rounded_to_five_minutes(minutes: float, said: str) -> None:
    assert duration(minutes) == f"about {said}"


@BY_NUMBER
def test_each_lab_has_its_title_its_command_and_its_minutes(lab: Lab) -> None:
    text, page = (ROOT / lab.page).read_text(), lab.read()
    assert text.startswith(f"# Demo {lab.number} · {page.title}\n")
    assert page.start.endswith(f"make demo-{lab.number}")
    assert page.start in text
    assert 20 <= page.lab <= 120
    assert 10 <= page.writing <= 120


def test_the_minutes_are_those_of_the_page_without_its_optional_steps(tmp_path: Path) -> None:
    lab = Lab(1, "demo", (7, 8))
    (tmp_path / "demo").mkdir()
    page = tmp_path / lab.page
    page.write_text("# Demo 1 · A · B\n\n$ make demo-1\n")
    assert lab.read(tmp_path) == Page("A · B", "make demo-1", 7, 8)
    page.write_text(
        "# Demo 1 · A\n\n| step | 1 | 2 | 3 |\n|---|---|---|---|\n| minutes | 20 | 45 | *15* |\n\n"
        "## 1 · Start it\n\n$ TIMEOUT=5 make demo-1\n\n## 2 · Your turn\n\n## 3 · Read the code\n"
    )
    assert lab.read(tmp_path) == Page("A", "TIMEOUT=5 make demo-1", 20, 45)
