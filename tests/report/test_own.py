"""A report of one's own grades: what the grader recorded, as far as it was graded with the files that are there."""

import shutil
import subprocess
from pathlib import Path

import pytest

from workshop.grader.checks.demo_1 import CHECKLIST
from workshop.processes import ROOT
from workshop.progress import record
from workshop.progress.labs import LABS
from workshop.progress.record import FAILED, PASSED, Record
from workshop.progress.source import hash_of, source
from workshop.report import own
from workshop.report.__main__ import main
from workshop.report.payload import Ended, NotAReport, Report

LAB = LABS[1]
POINTS = {check.name: check.points for check in CHECKLIST.checks}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the exercise of demo 1."""
    shutil.copytree(ROOT / LAB.folder, tmp_path / LAB.folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def graded(root: Path, results: dict[str, str], kept: Record | None = None) -> Record:
    kept = kept or Record()
    record.grade(kept.of(1), POINTS, results, source(LAB, root))
    return kept


def ended(report: Report) -> dict[str, Ended]:
    return {check.name: check.ended for check in report.demos[0].checks}


def test_it_has_what_passed_and_what_was_graded(root: Path) -> None:
    made = own.report("Ana", graded(root, {"cost": PASSED, "load": FAILED}), root)
    (demo,) = made.demos
    assert (demo.number, demo.files) == (1, hash_of(root / LAB.exercise))
    assert demo.title == LAB.read().title
    assert ended(made) == dict.fromkeys(POINTS, Ended.NOT_RUN) | {"cost": Ended.PASSED, "load": Ended.FAILED}
    assert (made.earned, made.total, made.graded_by) == (POINTS["cost"], 20, "attendee")
    assert Report.read(made.canonical) == made


def test_what_was_graded_before_the_last_change_does_not_count(root: Path) -> None:
    kept = graded(root, {"cost": PASSED, "load": PASSED})
    with (root / LAB.exercise / "guards.py").open("a") as file:
        file.write("# changed\n")
    assert own.report("Ana", kept, root).earned == 0
    kept = graded(root, {"load": PASSED}, kept)
    made = own.report("Ana", kept, root)
    assert (ended(made)["cost"], ended(made)["load"]) == (Ended.OUTDATED, Ended.PASSED)


def test_a_record_from_before_the_hashes_does_not_count(root: Path) -> None:
    kept = Record.read(graded(root, {"cost": PASSED}).text().replace('"files"', '"was"'))
    assert ended(own.report("Ana", kept, root))["cost"] is Ended.OUTDATED


def test_the_record_keeps_what_was_graded(root: Path) -> None:
    kept = graded(root, {"cost": PASSED})
    again = Record.read(kept.text())
    assert again == kept
    assert again.of(1).checks["cost"].files == again.of(1).source.files == hash_of(root / LAB.exercise)


def test_notes_and_hidden_files_do_not_change_the_hash_and_everything_else_does(root: Path) -> None:
    folder = root / LAB.exercise
    before = hash_of(folder)
    (folder / "HINTS.md").write_text("my notes")
    (folder / ".DS_Store").write_text("")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "app.pyc").write_text("")
    assert hash_of(folder) == before
    for change in ("more.py", "deeper/more.yml"):
        (folder / change).parent.mkdir(exist_ok=True)
        (folder / change).write_text("")
        assert hash_of(folder) != before
        before = hash_of(folder)


def test_anybody_can_compute_the_hash_with_sha256sum(root: Path) -> None:
    listed = subprocess.run(
        "LC_ALL=C sha256sum $(ls *.py | LC_ALL=C sort) | sha256sum",
        shell=True,
        cwd=root / LAB.exercise,
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.split()[0] == hash_of(root / LAB.exercise)


def test_without_a_grade_there_is_no_report(root: Path) -> None:
    with pytest.raises(NotAReport, match="nothing is graded yet: make grade-1 SOLUTION=exercise"):
        own.report("Ana", Record(), root)


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    found = graded(ROOT, {"cost": PASSED})
    monkeypatch.setattr("workshop.report.__main__.record.load", lambda: found)
    return found


def test_the_command_writes_a_page_and_a_badge(kept: Record, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["own", "--name", "Ana"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Ana: {POINTS['cost']}/20 points, in build/report/report.html and build/report/badge.svg\n")
    assert "Unsigned: your machine graded it." in said
    for file in ("report.html", "badge.svg"):
        assert main(["verify", "--file", str(place / file), "--keys", str(place)]) == 1
        assert capsys.readouterr().out.startswith(f"{file}: unsigned: Ana, {POINTS['cost']}/20 points in demo 1")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["own"], 'say who: NAME="Ana"'),
        (["own", "--name", "x" * 61], "NAME has 61 characters; 60 are the most"),
        (["own", "--name", "-x"], "expected one argument"),
        (["verify", "--file", ""], "FILE=.: name a report.html or a badge.svg"),
        (["verify", "--file", "no/such.html"], "no/such.html: No such file or directory"),
        (["verify", "--file", "no/such.html", "--key", "x"], "KEY is not a public key: write the 44 characters that "
         "make report-key prints, or its public.txt"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(
    arguments: list[str], line: str, kept: Record, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert (status, capsys.readouterr().err) == (2, f"{line}\n")
    assert not place.exists()
