"""What a host signs is what the host's machine graded, never what an attendee's machine recorded."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.attendee import GUARDS, Project, copied
from tests.waiting import LIMIT, wait_for
from workshop.processes import ROOT
from workshop.progress.labs import LABS
from workshop.report import host, keys
from workshop.report.__main__ import main
from workshop.report.payload import NotAReport

LAB = LABS[1]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The host's copy of the exercise, into which the attendee's is brought."""
    place = tmp_path / "host"
    shutil.copytree(ROOT / LAB.exercise, place / LAB.exercise, ignore=shutil.ignore_patterns("__pycache__"))
    return place


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The attendee's, which differs."""
    place = tmp_path / "ana"
    shutil.copytree(ROOT / LAB.exercise, place / LAB.exercise, ignore=shutil.ignore_patterns("__pycache__"))
    with (place / GUARDS).open("a") as file:
        file.write("# mine\n")
    return place


def test_an_exercise_takes_the_place_of_the_one_given(theirs: Path, clone: Path) -> None:
    (theirs / LAB.exercise / "more.py").write_text("")
    (clone / LAB.exercise / "gone.py").write_text("")
    (theirs / LAB.exercise / "HINTS.md").write_text("notes")
    assert host._bring(theirs, clone, LAB)
    assert (clone / GUARDS).read_text().endswith("# mine\n")
    assert (clone / LAB.exercise / "more.py").exists()
    assert not (clone / LAB.exercise / "gone.py").exists()
    assert (clone / LAB.exercise / "HINTS.md").read_text() != "notes"
    assert not host._bring(theirs, clone, LAB)


def test_nothing_but_the_exercise_is_brought(theirs: Path, clone: Path) -> None:
    for name in ("workshop/grader/__main__.py", ".progress/progress.json", "conftest.py"):
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        (theirs / name).write_text("")
    assert host._bring(theirs, clone, LAB)
    assert {path.name for path in clone.iterdir()} == {"demos"}


def test_a_link_out_of_the_folder_is_refused(theirs: Path, clone: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("")
    (theirs / LAB.exercise / "link.py").symlink_to(secret)
    with pytest.raises(NotAReport, match=r"link\.py is a link; hand in a plain file"):
        host._bring(theirs, clone, LAB)


def test_a_file_that_is_too_large_and_too_many_files_are_refused(theirs: Path, clone: Path) -> None:
    large = theirs / LAB.exercise / "large.py"
    large.touch()
    os.truncate(large, host.LARGEST + 1)
    with pytest.raises(NotAReport, match=r"large\.py is larger than 1,000,000 bytes"):
        host._bring(theirs, clone, LAB)
    for number in range(host.MOST):
        (theirs / LAB.exercise / f"file_{number}.py").touch()
    with pytest.raises(NotAReport, match="files; 100 are the most"):
        host._bring(theirs, clone, LAB)


def test_a_page_that_is_handed_in_is_not_signed(
    theirs: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ["--keys", str(tmp_path / "keys")]
    assert main(["key", *kept]) == 0
    (tmp_path / "report.html").write_text("20 of 20")
    capsys.readouterr()
    for handed_in in (tmp_path / "report.html", tmp_path / "no", tmp_path / "keys"):
        assert main(["sign", *kept, "--name", "Ana", "--from", str(handed_in)]) == 2
        assert capsys.readouterr().err == (
            f"FROM={handed_in}: it has no folder demos; name an attendee's clone, or a copy of its demos\n"
        )
    assert not place.exists()


def command_of(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:  # it has ended
        return []


def git(project: Project, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True).stdout


def signs(host: Project, attendee: Project, name: str) -> str:
    done = host.make("report-sign", f"NAME={name}", f"FROM={attendee.root}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.prove
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signing_that_is_interrupted_leaves_nothing_running_and_no_clone(
    number: signal.Signals, theirs: Path, tmp_path: Path
) -> None:
    keys.make(tmp_path / "keys")
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "workshop.report", "sign", "--keys", str(tmp_path / "keys")]
    signing = subprocess.Popen(
        [*command, "--name", "Ana", "--from", str(theirs)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
        start_new_session=True,
    )
    started: list[psutil.Process] = []

    def serves() -> bool:
        started[:] = psutil.Process(signing.pid).children(recursive=True)
        return any("shared.server" in command_of(process) for process in started)

    try:
        wait_for(serves, "the exercise is served")
    finally:
        signing.send_signal(number)
        status = signing.wait(LIMIT)
    assert status == 128 + number
    assert not psutil.wait_procs(started, timeout=LIMIT)[1]
    assert not list((tmp_path / "tmp").glob("*/workshop"))


@pytest.mark.prove
def test_a_solved_exercise_is_graded_reported_signed_and_verified_on_another_clone(tmp_path: Path) -> None:
    attendee, teacher, friend = (copied(tmp_path / name) for name in ("ana", "teacher", "friend"))
    git(teacher, "add", "serving")
    git(teacher, "commit", "-qm", "The folder that is linked here")

    attendee.solve()
    graded = attendee.grade()
    assert graded.returncode == 0, graded.stdout + graded.stderr
    assert "Ana: 20/20 points, in build/report/report.html" in attendee.make("report", "NAME=Ana").stdout
    page = attendee.root / "build" / "report" / "report.html"
    shutil.copy(page, tmp_path / "own.html")

    assert teacher.make("report-key").returncode == 0
    key = teacher.make("report-key").stdout.splitlines()[-1]
    assert signs(teacher, attendee, "Ana").splitlines() == [
        "demo 1: 20/20 points",
        "Ana: 20/20 points, in build/report/report.html and build/report/badge.svg",
    ]
    signed = shutil.copy(teacher.root / "build" / "report" / "report.html", tmp_path / "signed.html")
    # The attendee's record still says 20 of 20, and the exercise now lacks a guard.
    attendee.write("if len(", "if 0 > len(")
    assert "Eve: 19/20 points" in signs(teacher, attendee, "Eve")

    good = friend.make("report-verify", f"FILE={signed}", f"KEY={key}")
    assert (good.returncode, good.stdout[:46]) == (0, "signed.html: signed by the host: Ana, 20/20 po")
    unknown = friend.make("report-verify", f"FILE={signed}")
    assert unknown.returncode == 2  # make's
    assert "self-signed, as far as is known here" in unknown.stdout
    own = friend.make("report-verify", f"FILE={tmp_path / 'own.html'}", f"KEY={key}")
    assert own.returncode == 2
    assert own.stdout.startswith("own.html: unsigned: Ana, 20/20 points")
    assert git(teacher, "status", "--porcelain") == ""
