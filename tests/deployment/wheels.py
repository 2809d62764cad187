"""Turns the packages of this environment into wheels, so that an install command runs without a registry.

In: a lock file. Out: a folder from which `pip install --no-index --find-links` installs the lock. The wheels contain
only metadata; `fill` then links the packages' files, because copying would take a minute. Raises AssertionError if a
package is not installed in the lock's version.
"""

import importlib.metadata
import zipfile
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import sys_tags

LEFT_TO_PIP = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}


def build(lock: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for requirement in wanted(lock):
        found = importlib.metadata.distribution(requirement.name)
        assert found.version in requirement.specifier, (
            f"{found.version} is installed, but the lock wants {requirement}: make install"
        )
        metadata = _metadata(found)
        theirs = {line.split()[1] for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag:")}
        tag = next(tag for tag in map(str, sys_tags()) if tag in theirs)
        inside = [file for file in found.files or () if file.parts[0] == metadata and file.name not in LEFT_TO_PIP]
        with zipfile.ZipFile(folder / f"{metadata.removesuffix('.dist-info')}-{tag}.whl", "w") as wheel:
            for file in inside:
                wheel.write(str(file.locate()), str(file))
            wheel.writestr(f"{metadata}/RECORD", "".join(f"{file},,\n" for file in inside))


def fill(lock: Path, packages: Path) -> None:
    """Links the packages' files into the folder that pip has made."""
    for requirement in wanted(lock):
        found = importlib.metadata.distribution(requirement.name)
        files = found.files or ()
        left_out = ("..", _metadata(found))
        there = Path(str(found.locate_file("")))
        for file in files:
            if file.parts[0] not in left_out and "__pycache__" not in file.parts:
                _link(there / file, packages / file)
                if file.suffix == ".py":
                    _link(Path(cache_from_source(there / file)), Path(cache_from_source(packages / file)))


def wanted(lock: Path) -> Iterator[Requirement]:
    """The lock's requirements for this machine and this Python."""
    return (each for each in locked(lock) if each.marker is None or each.marker.evaluate())


def locked(lock: Path) -> Iterator[Requirement]:
    for line in lock.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            yield Requirement(line)


def _metadata(found: importlib.metadata.Distribution) -> str:
    """The name of its metadata folder."""
    return next(file.parts[0] for file in found.files or () if file.name == "METADATA")


def _link(there: Path, here: Path) -> None:
    if there.exists():
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(there)
