"""The first line says whose code is graded, and a person who has written in the exercise is told of it."""

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
    """A clone whose exercise is as it was given out."""
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
def test_whose_it_is_stands_in_the_first_line_and_beside_the_score(target: Target, heading: str, name: str) -> None:
    assert (target.heading, target.name) == (heading, name)


def test_an_exercise_as_it_was_given_out_needs_no_note(root: Path) -> None:
    assert Target(1).notes == []


@pytest.mark.parametrize("how", ["changed", "committed", "added"])
def test_who_has_written_in_the_exercise_is_told_that_the_reference_is_graded(how: str, root: Path) -> None:
    written = root / EXERCISE / ("more.py" if how == "added" else "guards.py")
    written.write_text("print('mine')\n")
    if how == "committed":
        git(root, "commit", "-qam", "Mine")
    assert Target(1).notes == [
        f"You have changed {EXERCISE}, and this grades the reference. For yours: make grade-1 SOLUTION=exercise"
    ]
    assert Target(1, "exercise").notes == []
    assert Target(1, url="http://localhost:8000").notes == []


def test_without_git_nothing_is_known_and_nothing_is_said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / EXERCISE / "guards.py").write_text("print('mine')\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Target(1).notes == []


def test_each_service_has_a_memory_of_its_own() -> None:
    ours, theirs = Target(1, url="http://localhost:8000"), Target(1, url="http://localhost:9000")
    assert len({Target(1).memory, Target(1, "exercise").memory, Target(2).memory, ours.memory, theirs.memory}) == 5
