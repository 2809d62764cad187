"""The commands as an attendee types them, through make, in a clone without any installed package."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.attendee import GUARDS, Project
from workshop.processes import ROOT
from workshop.progress.labs import LABS

RECORD = ".progress/progress.json"
NOON = "2026-11-30T12:00:00+00:00"
EXERCISE = str(Path(GUARDS).parent)


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def aside(project: Project) -> list[Path]:
    return sorted((project.root / ".progress" / "set_aside").glob("*"))


def git(project: Project, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True).stdout


def passes(project: Project, *names: str) -> None:
    """As the grader records it."""
    checks = {name: {"points": 1, "status": "passed", "since": NOON} for name in names}
    demo = {"total": 20, "graded": NOON, "worked": NOON, "checks": checks, "hints": {}}
    (project.root / ".progress").mkdir(exist_ok=True)
    (project.root / RECORD).write_text(json.dumps({"version": 1, "demos": {"1": demo}}))


# --- start, progress, hints -----------------------------------------------------------------------------------------


def test_make_help_lists_the_path(project: Project) -> None:
    listed = {line.split()[1] for line in said(project.make("help")).splitlines()}
    assert listed >= {"start", "progress", "grade", "grade-N", "hint-N", "diff-N", "reset-N"}


def test_start_and_progress_ask_nothing_and_write_nothing(project: Project) -> None:
    assert "Next: demo 1 · One guarded endpoint" in said(project.make("start"))
    assert "Score: 0/1" in said(project.make("progress"))
    assert not (project.root / ".progress").exists()


def test_hints_are_given_one_after_the_other_and_remembered(project: Project) -> None:
    titles = [said(project.make("hint-1")).splitlines()[0] for _ in range(4)]
    assert titles[:3] == [f"Task 1 · InputLimit, hint {number} of 3" for number in (1, 2, 3)]
    assert titles[3].startswith("Task 1 · InputLimit: you have all of its 3 hints")
    assert said(project.make("hint-1", "TASK=deadline")).startswith("Task 2 · Deadline, hint 1 of 3")
    assert "InputLimit (3 hints) · ✗ Deadline (1 hint)" in said(project.make("progress"))


def test_a_hint_is_for_the_first_task_that_does_not_pass(project: Project) -> None:
    passes(project, "input_limit", "timeout", "arrival")
    assert said(project.make("hint-1")).startswith("Task 3 · RetryTransient, hint 1 of 3")
    done = project.make("hint-1", "TASK=$(touch hacked); x")
    assert done.returncode == 2
    assert "there is no such task" in done.stderr
    assert not (project.root / "hacked").exists()


def test_a_demo_that_does_not_exist_is_one_line(project: Project) -> None:
    done = project.make("hint-7")
    assert done.returncode == 2
    assert "hint-7: there are demos 1 to 6" in done.stderr


def test_a_damaged_record_is_one_line_and_a_new_one_begins(project: Project) -> None:
    passes(project, "input_limit")
    (project.root / RECORD).write_text("{" * 20)
    done = project.make("hint-1")
    assert said(done).startswith("Task 1 · InputLimit, hint 1 of 3")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{RECORD} cannot be used")
    assert "hint 2 of 3" in said(project.make("hint-1"))


def test_make_clean_keeps_the_progress_and_git_does_not_see_it(project: Project) -> None:
    said(project.make("hint-1"))
    said(project.make("clean"))
    assert (project.root / RECORD).exists()
    assert git(project, "status", "--porcelain", ".progress") == ""


# --- diffs ----------------------------------------------------------------------------------------------------------


def test_the_solution_is_shown_after_the_pass_with_the_reason(project: Project) -> None:
    assert said(project.make("diff-1")) == "The solution of demo 1 is shown after a pass, or with SPOIL=1.\n"
    project.solve()
    passes(project, "input_limit")
    page = said(project.make("diff-1"))
    assert "(yours and ours are the same)" in page
    assert "Why: A prompt that is refused here costs nothing" in page
    assert "The workshop's own: `shared/layers/input_guard.py`" in page
    assert "asyncio.timeout" not in page
    assert "The solution of task 2 · Deadline, task 3" in page.splitlines()[-1]


def test_spoil_shows_it_before_the_pass(project: Project) -> None:
    assert "asyncio.timeout" in said(project.make("diff-1", "TASK=2", "SPOIL=1"))
    assert said(project.make("diff-1", "TASK=2")).startswith("The solution of task 2 · Deadline is shown after a pass")


# --- beginning again ------------------------------------------------------------------------------------------------


def test_reset_sets_the_work_aside_whole_and_the_exercise_is_as_it_was_given(project: Project) -> None:
    given = {path: path.read_bytes() for path in (project.root / EXERCISE).iterdir() if path.is_file()}
    project.solve()
    passes(project, "input_limit")
    (project.root / EXERCISE / "notes").mkdir()
    (project.root / EXERCISE / "notes" / "mine.txt").write_text("wait less")
    (project.root / EXERCISE / "app.py").unlink()
    work = (project.root / GUARDS).read_text()
    line, back, _ = said(project.make("reset-1")).splitlines()
    (folder,) = aside(project)
    assert line == f"{EXERCISE} is as it was given. Your work is in {folder.relative_to(project.root)}"
    assert (folder / "guards.py").read_text() == work
    assert (folder / "notes" / "mine.txt").read_text() == "wait less"
    assert json.loads((folder / "progress.json").read_text())["checks"]["input_limit"]["status"] == "passed"
    now = {path: path.read_bytes() for path in (project.root / EXERCISE).iterdir() if path.is_file()}
    assert now == given
    assert git(project, "status", "--porcelain", EXERCISE, ".progress") == ""
    assert "Next: demo 1 · One guarded endpoint" in said(project.make("start"))
    subprocess.run(back, shell=True, check=True, cwd=project.root)
    assert (project.root / GUARDS).read_text() == work
    assert (project.root / EXERCISE / "notes" / "mine.txt").read_text() == "wait less"
    assert not (project.root / EXERCISE / "progress.json").exists()


def test_an_exercise_as_given_is_not_set_aside(project: Project) -> None:
    assert said(project.make("reset-1")) == f"{EXERCISE} is as it was given: there is nothing to set aside\n"
    assert aside(project) == []


def test_work_that_was_committed_is_set_aside_too(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    clone = tmp_path_factory.mktemp("clone")
    git(project, "clone", "-q", str(project.root), str(clone))
    (clone / "serving").symlink_to(ROOT / "serving")
    own = Project(clone)
    own.solve()
    git(own, "commit", "-qam", "my work")
    said(own.make("reset-1"))
    assert (clone / GUARDS).read_bytes() == (project.root / GUARDS).read_bytes()
    assert len(aside(own)) == 1


def test_two_resets_within_a_second_lose_nothing(project: Project) -> None:
    for text in ("first", "second", "third"):
        (project.root / EXERCISE / "mine.txt").write_text(text)
        said(project.make("reset-1"))
    assert {(folder / "mine.txt").read_text() for folder in aside(project)} == {"first", "second", "third"}


def test_without_git_nothing_is_touched(project: Project) -> None:
    project.solve()
    work = (project.root / GUARDS).read_text()
    (project.root / ".git").rename(project.root / "git")
    done = project.make("reset-1", GIT_CEILING_DIRECTORIES=str(project.root.parent))
    assert done.returncode == 2
    assert done.stderr.startswith(f"git does not have {EXERCISE} as it was given: this needs a clone, and git")
    assert (project.root / GUARDS).read_text() == work
    assert aside(project) == []


# --- all demos ------------------------------------------------------------------------------------------------------


def test_grade_is_for_all_demos_and_says_so(project: Project) -> None:
    for argument in ("URL=localhost:8000", "ONLY=cost"):
        done = project.make("grade", argument)
        assert done.returncode == 2
        assert done.stderr.startswith("URL and ONLY are for one demo: make grade-1 …")
    assert project.make("grade", "SOLUTION=mine").stderr.startswith("SOLUTION=mine: write exercise")


def test_every_lab_is_on_the_path() -> None:
    assert {lab.folder for lab in LABS.values()} == {
        str(page.parent.relative_to(ROOT)) for page in ROOT.glob("demos/demo_*/README.md")
    }
