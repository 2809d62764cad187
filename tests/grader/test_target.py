"""The first line says whose code is graded, and a note warns people who have changed the exercise."""

import subprocess
from pathlib import Path

import pytest

from workshop.grader import target as targets
from workshop.grader.target import Target

EXERCISE = "demos/demo_1_guarded/exercise"


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, check=True, capture_output=True
    )


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with an unchanged exercise."""
    given = tmp_path / "given"
    (given / EXERCISE).mkdir(parents=True)
    (given / EXERCISE / "guards.py").write_text("# as they stand, they let everything through\n")
    git(given, "init", "-q", "-b", "main")
    git(given, "add", "-A")
    git(given, "commit", "-qm", "The starter")
    git(tmp_path, "clone", "-q", str(given), "clone")
    monkeypatch.setattr(targets, "ROOT", tmp_path / "clone")
    return tmp_path / "clone"


@pytest.mark.parametrize(
    ("target", "heading", "name"),
    [
        (Target(1, "exercise"), f"Grading {EXERCISE} (your version)", f"{EXERCISE} (your version)"),
        (
            Target(1),
            "Grading the reference, demos/demo_1_guarded (not your exercise: SOLUTION=exercise)",
            "the reference, not your exercise",
        ),
        (
            Target(1, url="http://localhost:8000", says="it says: Demo 1 · One guarded endpoint"),
            "Grading http://localhost:8000 (it says: Demo 1 · One guarded endpoint)",
            "http://localhost:8000",
        ),
    ],
)
def test_the_first_line_and_the_score_say_whose_code_is_graded(target: Target, heading: str, name: str) -> None:
    assert (target.heading, target.name) == (heading, name)


def test_an_unchanged_exercise_needs_no_note(root: Path) -> None:
    assert Target(1).notes == []


@pytest.mark.parametrize("how", ["changed", "committed", "added"])
def test_with_a_changed_exercise_a_note_says_that_the_reference_is_graded(how: str, root: Path) -> None:
    written = root / EXERCISE / ("more.py" if how == "added" else "guards.py")
    written.write_text("print('mine')\n")
    if how == "committed":
        git(root, "commit", "-qam", "Mine")
    assert Target(1).notes == [
        f"You have changed {EXERCISE}, but this grades the reference. For yours: make grade-1 SOLUTION=exercise"
    ]
    assert Target(1, "exercise").notes == []
    assert Target(1, url="http://localhost:8000").notes == []


def test_without_git_there_is_no_note(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / EXERCISE / "guards.py").write_text("print('mine')\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Target(1).notes == []


def test_each_service_has_its_own_memory() -> None:
    ours, theirs = Target(1, url="http://localhost:8000"), Target(1, url="http://localhost:9000")
    assert len({Target(1).memory, Target(1, "exercise").memory, Target(2).memory, ours.memory, theirs.memory}) == 5
