"""A report that the host can sign: the attendee's exercises, graded here and now.

In: a folder with an attendee's exercises, such as their clone. Out: a Report of what this machine's grader found. Of
what the attendee's machine recorded, nothing is read. The grader is that of this clone's commit, in a clone of its own,
so that nothing of the host's changes. The exercises are programs, and they run with the rights of the one who signs.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workshop.grader.__main__ import LOST_POINTS, PASSED
from workshop.processes import ROOT, child_environment, die_with_parent
from workshop.progress import record
from workshop.progress.labs import LABS, Lab
from workshop.progress.source import graded, hash_of, source
from workshop.report.payload import CheckGrade, DemoGrade, Ended, NotAReport, Report

LARGEST = 1_000_000  # bytes of a file in an exercise
MOST = 100  # files in an exercise
SERVING = ".venv-serving"


def report(name: str, handed_in: Path, root: Path = ROOT, *, show: Callable[[str], None]) -> Report:
    """Grade what differs from the exercises as given. `show` gets a line for each demo.

    Raises NotAReport if there is nothing to grade. A demo that cannot be graded is left out.
    """
    if not (handed_in / "demos").is_dir():
        raise NotAReport(f"FROM={handed_in}: it has no folder demos; name an attendee's clone, or a copy of its demos")
    with _clone(root) as clone:
        written = [lab for lab in LABS.values() if _bring(handed_in, clone, lab)]
        if not written:
            raise NotAReport(f"FROM={handed_in}: its exercises are as they were given")
        demos: list[DemoGrade] = []
        for lab in written:
            try:
                demos.append(_demo(lab, clone))
                show(f"demo {lab.number}: {demos[-1].earned}/{demos[-1].total} points")
            except NotAReport as reason:
                show(f"demo {lab.number} is left out: {reason}")
    if not demos:
        raise NotAReport("no exercise could be graded")
    return Report(name=name, made=record.now(), graded_by="signer", demos=tuple(demos))


@contextmanager
def _clone(root: Path) -> Iterator[Path]:
    """This clone's commit, without anything that was changed since."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "workshop"
        command = ["git", "clone", "--quiet", "--shared", str(root), str(clone)]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            raise NotAReport("git is missing") from None
        except subprocess.CalledProcessError as fault:
            raise NotAReport(f"this folder cannot be cloned: {fault.stderr.strip().splitlines()[-1]}") from None
        if (root / SERVING).exists():
            (clone / SERVING).symlink_to(root / SERVING)
        yield clone


def _bring(handed_in: Path, clone: Path, lab: Lab) -> bool:
    """Put an attendee's files in the place of those given. Were they different?"""
    theirs, place = handed_in / lab.exercise, clone / lab.exercise
    names = graded(theirs) if theirs.is_dir() else []
    if len(names) > MOST:
        raise NotAReport(f"{theirs} has {len(names)} files; {MOST} are the most")
    for name in names:
        _must_be_plain(theirs / name, theirs)
    if not names or hash_of(theirs) == hash_of(place):
        return False
    for name in graded(place):
        (place / name).unlink()
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(theirs / name, place / name)
    return True


def _must_be_plain(file: Path, folder: Path) -> None:
    """A link could bring any file of this machine into the exercise."""
    if file.resolve() != folder.resolve() / file.relative_to(folder):
        raise NotAReport(f"{file} is a link; hand in a plain file")
    if file.stat().st_size > LARGEST:
        raise NotAReport(f"{file} is larger than {LARGEST:,} bytes")


def _demo(lab: Lab, clone: Path) -> DemoGrade:
    before, found = source(lab, clone), _graded(lab, clone)
    if before.if_still(source(lab, clone)).files == "":
        raise NotAReport("the exercise changed its own files while it was graded")
    return DemoGrade(
        number=lab.number,
        title=lab.read(clone).title,
        graded=record.now(),
        commit=before.commit,
        files=before.files,
        version=before.version,
        python=before.python,
        checks=tuple(
            CheckGrade(name=check["name"], title=check["title"], points=check["points"], ended=Ended(check["status"]))
            for check in found["checks"]
        ),
    )


def _graded(lab: Lab, clone: Path) -> dict[str, Any]:
    """What the grader prints. Not what it records: the exercise could write to that file."""
    command = [sys.executable, "-m", "workshop.grader", str(lab.number), "--solution", "exercise", "--json"]
    grader = subprocess.Popen(
        command,
        cwd=clone,
        env=child_environment({"BOARD_URL": ""}),  # the attendee's points are not the host's
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches only us
        preexec_fn=die_with_parent,
    )
    try:
        printed, said = grader.communicate()
    except BaseException:
        grader.terminate()  # it stops all that it has started
        grader.communicate()
        raise
    if grader.returncode not in (PASSED, LOST_POINTS):
        lines = said.decode(errors="replace").strip().splitlines()
        raise NotAReport(lines[0] if lines else f"the grader ended with exit status {grader.returncode}")
    found: dict[str, Any] = json.loads(printed)
    return found
