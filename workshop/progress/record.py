"""What passed, when, and which hints were given: one JSON file that `make clean` leaves alone.

In: the results of a grading, or a hint. Out: `.progress/progress.json`, which has a version. It is written whole or not
at all, by one process at a time. A file that cannot be read is kept under another name, and a new one begins.
"""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from workshop.processes import ROOT
from workshop.progress.source import UNKNOWN, Source

VERSION = 1
FOLDER = ".progress"
PASSED, FAILED, NOT_GRADED = "passed", "failed", "not_graded"


class Damaged(Exception):
    """What is wrong with the file, in a few words."""


@dataclass(slots=True)
class CheckRecord:
    """How a check ended last time, and `since` when it has ended so. `files`: the hash of what was graded, if known."""

    points: int
    status: str
    since: str
    files: str = ""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        since, files = _time(document["since"]), str(document.get("files", ""))
        record = cls(int(document["points"]), str(document["status"]), since, files)
        if record.status not in (PASSED, FAILED, NOT_GRADED):
            raise ValueError(f"a check is {record.status!r}")
        return record


@dataclass(slots=True)
class DemoRecord:
    """`total`: the points of all checks of the demo. `graded`: when the exercise was last graded.

    `worked`: when it was last graded for its own sake, and not with all the others.
    `hints`: when each hint of a task was given, by the task's number. `source`: what was graded last.
    """

    total: int = 0
    graded: str = ""
    worked: str = ""
    checks: dict[str, CheckRecord] = field(default_factory=dict)
    hints: dict[int, list[str]] = field(default_factory=dict)
    source: Source = UNKNOWN

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        graded = document.get("source", {})  # records of an earlier workshop lack it
        return cls(
            int(document["total"]),
            _time_or_never(document["graded"]),
            _time_or_never(document["worked"]),
            {str(name): CheckRecord.read(check) for name, check in document["checks"].items()},
            {int(task): [_time(given) for given in times] for task, times in document["hints"].items()},
            Source(**{field.name: str(graded.get(field.name, "")) for field in fields(Source)}),
        )

    @property
    def earned(self) -> int:
        return sum(check.points for check in self.checks.values() if check.status == PASSED)

    @property
    def ungraded(self) -> int:
        """The points of checks that could not be graded here."""
        return sum(check.points for check in self.checks.values() if check.status == NOT_GRADED)

    @property
    def done(self) -> bool:
        """All points that can be earned here."""
        return 0 < self.earned == self.total - self.ungraded

    @property
    def latest(self) -> str:
        """When somebody last worked on it, as far as we know; empty if nobody has."""
        return max([self.worked, *(given for times in self.hints.values() for given in times)])


@dataclass(slots=True)
class Record:
    """By the demo's number."""

    demos: dict[int, DemoRecord] = field(default_factory=dict)

    def of(self, number: int) -> DemoRecord:
        return self.demos.setdefault(number, DemoRecord())

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises Damaged."""
        try:
            document = json.loads(text)
            if document["version"] != VERSION:
                raise Damaged(f"its version is {document['version']!r}, not {VERSION}")
            return cls({int(number): DemoRecord.read(demo) for number, demo in document["demos"].items()})
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as fault:
            raise Damaged(f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__) from None

    def text(self) -> str:
        demos = {str(number): asdict(demo) for number, demo in sorted(self.demos.items())}
        return json.dumps({"version": VERSION, "demos": demos}, indent=1) + "\n"


def place(root: Path = ROOT) -> Path:
    return root / FOLDER / "progress.json"


def load(root: Path = ROOT) -> Record:
    """The record; empty if there is none. A damaged file is set aside, with a line on stderr."""
    file = place(root)
    try:
        return Record.read(file.read_text())
    except FileNotFoundError:
        return Record()
    except (OSError, Damaged, UnicodeDecodeError) as fault:
        _set_aside(file, str(getattr(fault, "strerror", "") or fault), root)
        return Record()


@contextlib.contextmanager
def changed(root: Path = ROOT) -> Iterator[Record]:
    """The record, written at the end of the block. If it cannot be written, a line on stderr is all that happens."""
    with _alone(root):
        record = load(root)
        yield record
        file = place(root)
        new = file.with_name(f"{file.name}.new")
        try:
            new.write_text(record.text())
            new.replace(file)
        except OSError as fault:
            print(f"progress is not kept: {file.relative_to(root)}: {fault.strerror}", file=sys.stderr)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def grade(
    record: DemoRecord,
    points: Mapping[str, int],
    results: Mapping[str, str],
    source: Source = UNKNOWN,
    *,
    alone: bool = True,
) -> None:
    """Note these results of a `source`: by the check's name its status. Checks that did not run keep theirs.

    `points`: of all checks of the demo. A check that is not among them any more is forgotten. `alone`: no other demo
    was graded with it.
    """
    record.total, record.graded = sum(points.values()), now()
    record.worked = record.graded if alone else record.worked
    record.source = source
    before = {name: check for name, check in record.checks.items() if name in points}
    ran = {
        name: CheckRecord(points[name], status, _since(before.get(name), status, record.graded), source.files)
        for name, status in results.items()
    }
    record.checks = before | ran


def _since(before: CheckRecord | None, status: str, graded: str) -> str:
    return before.since if before and before.status == status else graded


def _set_aside(file: Path, fault: str, root: Path) -> None:
    aside = file.with_name(f"progress-damaged-{datetime.now():%Y-%m-%d-%H%M%S}-{os.getpid()}.json")
    name = file.relative_to(root)
    try:
        file.replace(aside)
        kept = f"it is kept as {aside.name}, and a new one begins"
    except OSError as reason:
        kept = f"it cannot be moved ({reason.strerror})"
    print(f"{name} cannot be used ({fault}): {kept}", file=sys.stderr)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Wait until no other process writes. Where nothing can be written, there is nothing to wait for."""
    folder = root / FOLDER
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            folder.mkdir(exist_ok=True)
            lock = held.enter_context((folder / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _time_or_never(text: str) -> str:
    return _time(text) if text else ""


def _time(text: str) -> str:
    datetime.fromisoformat(text)
    return text
