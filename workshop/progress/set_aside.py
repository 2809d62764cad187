"""`make reset-N`: an exercise as the repository gives it. One's own work is set aside in a dated folder, never lost.

In: a demo. Out: where its work is now. Everything is copied before anything is changed. What is recorded of the demo
goes with it.
"""

import itertools
import json
import os
import shutil
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from workshop.processes import ROOT
from workshop.progress import given, record
from workshop.progress.labs import Lab

FOLDER = "set_aside"
RECORD = "progress.json"
COMPILED = "__pycache__"


def reset(lab: Lab, root: Path = ROOT) -> Path | None:
    """Set the exercise's work aside and begin it again. None if it was as given, and nothing is recorded.

    Raises given.Unknown or OSError, and then the exercise is as it was.
    """
    as_given = given.files(root, lab.exercise)
    kept = record.load(root).demos.get(lab.number)
    if _files(root, lab) == as_given and kept is None:
        return None
    place = root / record.FOLDER / FOLDER
    building = place / f"copying-{os.getpid()}"
    shutil.copytree(root / lab.exercise, building, symlinks=True, ignore=shutil.ignore_patterns(COMPILED))
    if kept is not None:
        (building / RECORD).write_text(json.dumps(asdict(kept), indent=1) + "\n")
    aside = _named(building, place / f"demo-{lab.number}-{datetime.now():%Y-%m-%d-%H%M%S}")
    _restore(root, lab, as_given)
    with record.changed(root) as all_of_it:
        all_of_it.demos.pop(lab.number, None)
    return aside


def own(aside: Path, exercise: Path) -> list[str]:
    """The names in the folder `aside` that differ from the `exercise`, which is as given now."""
    names = sorted(path.name for path in aside.iterdir() if path.name != RECORD)
    return [name for name in names if _differs(aside / name, exercise / name)]


def _differs(one: Path, other: Path) -> bool:
    if one.is_symlink() or not one.is_file() or not other.is_file():
        return True
    return one.read_bytes() != other.read_bytes()


def _named(building: Path, wanted: Path) -> Path:
    """Give the copy this name, or if somebody was quick, the next one that is free."""
    name = wanted
    for number in itertools.count(2):
        if not name.exists():
            break
        name = wanted.with_name(f"{wanted.name}-{number}")
    return building.rename(name)


def _restore(root: Path, lab: Lab, as_given: dict[str, bytes]) -> None:
    for path in _own(root, lab):
        if path.relative_to(root).as_posix() not in as_given or path.is_symlink():
            path.unlink()
    for name, content in as_given.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def _files(root: Path, lab: Lab) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in _own(root, lab) if path.is_file()}


def _own(root: Path, lab: Lab) -> list[Path]:
    found = (root / lab.exercise).rglob("*")
    return sorted(path for path in found if COMPILED not in path.parts and (path.is_symlink() or path.is_file()))
