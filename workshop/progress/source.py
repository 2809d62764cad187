"""What is graded: an exercise's files as one hash, the commit, and the versions that graded them.

In: a demo. Out: its Source. The hash is that of the text which `sha256sum` prints for the files, sorted by path: a line
of hash, two spaces and path for each. Pages that people read, such as HINTS.md, and hidden files are no part of it.
"""

import hashlib
import platform
from dataclasses import dataclass, replace
from pathlib import Path

from shared import __version__
from workshop.processes import ROOT
from workshop.progress import given
from workshop.progress.labs import Lab

COMPILED = "__pycache__"
PAGES = ".md"


@dataclass(slots=True, frozen=True)
class Source:
    """`version` and `python` are those of the workshop and of Python. What is not known is empty."""

    files: str = ""
    commit: str = ""
    version: str = ""
    python: str = ""

    def if_still(self, later: "Source") -> "Source":
        """Without the hash, if somebody has edited the files in between."""
        return self if self.files == later.files else replace(self, files="")


UNKNOWN = Source()


def source(lab: Lab, root: Path = ROOT) -> Source:
    commit = given.git(root, "rev-parse", "HEAD").strip()
    return Source(hash_of(root / lab.exercise), commit, __version__, platform.python_version())


def hash_of(folder: Path) -> str:
    """The hash of a folder's files; empty if one cannot be read."""
    try:
        lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in graded(folder)]
    except OSError:
        return ""
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def graded(folder: Path) -> list[str]:
    """The paths in an exercise's folder that count, sorted."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != PAGES]
    counted = [path for path in paths if COMPILED not in path.parts and not any(map(_hidden, path.parts))]
    return sorted(path.as_posix() for path in counted)


def _hidden(name: str) -> bool:
    return name.startswith(".")
