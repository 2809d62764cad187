"""An exercise's files do not lead to its solution."""

import ast
import re
from pathlib import Path

import pytest

from workshop.processes import ROOT

EXERCISES = sorted(ROOT.glob("demos/demo_[1-5]_*/exercise"))
SOLUTION = re.compile(r"^Solution: `([\w/.]+)`", re.MULTILINE)


def imports(source: Path) -> set[str]:
    """The files of this repository that a module imports."""
    nodes = [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.ImportFrom)]
    return {f"{node.module.replace('.', '/')}.py" for node in nodes if node.module}


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.parent.name)
def test_no_file_that_people_write_imports_its_own_solution(exercise: Path) -> None:
    solutions = set(SOLUTION.findall((exercise / "HINTS.md").read_text()))
    assert solutions
    assert all((ROOT / solution).exists() for solution in solutions)
    for file in exercise.glob("*.py"):
        if file.name != "app.py":  # the stack, which is given, and has many parts besides
            assert not imports(file) & solutions, file
