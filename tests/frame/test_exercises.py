"""What an exercise hands to people: no import that leads to its solution, and a true cheat sheet of `Call`."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from shared.pipeline.call import Call, Caller, ChatRequest
from shared.pipeline.outcome import Outcome
from workshop.processes import ROOT

EXERCISES = [ROOT / "demos" / demo / "exercise" for demo in ("demo_4_streaming", "demo_5_observability")]
SOLUTION = re.compile(r"^Solution: `([\w/.]+)`", re.MULTILINE)
SHEET = re.compile(r"^# `Call`, in ten lines .*\n(?:# .*\n)+", re.MULTILINE)
OWNERS = {"request": ChatRequest, "caller": Caller, "on_done": Outcome}  # whose names follow in the same line


def written(exercise: Path) -> list[Path]:
    """The files that people write; app.py is given."""
    return [file for file in exercise.glob("*.py") if file.name not in {"__init__.py", "app.py"}]


def imports(source: Path) -> set[str]:
    """The files of this repository that a module imports."""
    nodes = [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.ImportFrom)]
    return {f"{node.module.replace('.', '/')}.py" for node in nodes if node.module}


def names(owner: type) -> set[str]:
    return {name for name in (*dir(owner), *(field.name for field in fields(owner))) if not name.startswith("_")}


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.parent.name)
def test_no_file_that_people_write_imports_its_own_solution(exercise: Path) -> None:
    solutions = set(SOLUTION.findall((exercise / "HINTS.md").read_text()))
    assert solutions
    assert all((ROOT / solution).exists() for solution in solutions)
    for file in written(exercise):
        assert not imports(file) & solutions, file


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.parent.name)
def test_an_exercise_has_a_cheat_sheet_of_call_in_ten_lines(exercise: Path) -> None:
    sheets = [sheet for file in written(exercise) for sheet in SHEET.findall(file.read_text())]
    assert len(sheets) == 1
    assert len(sheets[0].splitlines()) == 10


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.parent.name)
def test_every_name_of_a_cheat_sheet_exists(exercise: Path) -> None:
    (sheet,) = [sheet for file in written(exercise) for sheet in SHEET.findall(file.read_text())]
    for line in sheet.splitlines()[1:]:
        found = re.findall(r"\bcall\.(\w+)", line)
        assert found
        assert set(found) <= names(Call), line
        assert set(re.findall(r"(?<!\w)\.(\w+)", line)) <= names(OWNERS.get(found[0], Call)), line
