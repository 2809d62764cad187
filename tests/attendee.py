"""A clone of the project in which an attendee works: exercises can be written, graded and begun again.

In: an empty folder. Out: a Project. Its code is a copy, in a git repository of its own.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from workshop.processes import ROOT

GUARDS = "demos/demo_1_guarded/exercise/guards.py"
BUILD = "demos.demo_1_guarded.exercise.app:build"
OWN = ("shared", "workshop", "demos", "tests", "Makefile", ".gitignore")  # copied; larger folders are linked
NOT_AN_EXERCISE = re.compile(r"^(?:import pytest|from fastapi import FastAPI|from demos\..*)\n", re.MULTILINE)


@dataclass(slots=True, frozen=True)
class Project:
    """A clone in which the exercise of demo 1 can be changed."""

    root: Path

    def write(self, given: str, written: str) -> int:
        """Replace a text in guards.py. Returns its line number."""
        file = self.root / GUARDS
        before, found, after = file.read_text().partition(given)
        assert found, given
        file.write_text(before + written + after)
        return before.count("\n") + 1

    def solve(self) -> None:
        """Write the solution of demo 1's exercise, as its third hints say."""
        text = (ROOT / "tests" / "demo_1" / "solved.py").read_text()
        (self.root / GUARDS).write_text(NOT_AN_EXERCISE.sub("", text.partition("\n\ndef build(")[0]))

    def run(self, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        outside = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "LOG_FILE": "-"} if module == "shared.server" else {}
        return self._done([sys.executable, "-m", module, *arguments], {**outside, **environment})

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """make with the Python that runs the tests, and an environment that counts as installed."""
        python = sys.executable
        installed = ["-o", ".venv/.dev", "-o", ".venv/.runtime", f"PYTHON={python}", f"PY={python}"]
        return self._done(["make", *installed, *arguments], environment)

    def serve(self) -> subprocess.CompletedProcess[str]:
        """Starts the service. Only for code that does not load: other code would run for ever."""
        return self.run("shared.server", BUILD, "--port", "0")

    def grade(self, only: str = "", solution: str = "exercise", **environment: str) -> subprocess.CompletedProcess[str]:
        chosen = ["--only", only] if only else []
        return self.run("workshop.grader", "1", "--solution", solution, *chosen, **environment)

    def _done(self, command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        told = {name: value for name, value in os.environ.items() if name not in {"CI", "STRICT", "URL", "ONLY"}}
        return subprocess.run(
            command,
            cwd=self.root,
            env={**told, **environment},
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )


def copied(folder: Path) -> Project:
    """A new clone in this folder."""
    for name in OWN:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "serving").symlink_to(ROOT / "serving")
    for arguments in (
        ["init", "-q"],
        ["add", *OWN],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "As given"],
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return Project(folder)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return copied(tmp_path)
