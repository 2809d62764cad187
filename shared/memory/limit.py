"""The most memory that this process can have before the kernel kills it: the machine's, or its container's if less.

Reads the limits of control groups, version 2 and 1, for this process's group and all above it. `root` is the root of
the file system, for tests. Knows nothing of how much we want to use.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(slots=True, frozen=True)
class MemoryLimit:
    """`bytes` of memory; `of` says whose."""

    bytes: int
    of: str


def memory_limit(root: Path = Path("/")) -> MemoryLimit:
    machine = MemoryLimit(int(psutil.virtual_memory().total), "this machine")
    container = min(_group_limits(root), default=machine.bytes)
    return MemoryLimit(container, "this container") if container < machine.bytes else machine


def _group_limits(root: Path) -> Iterator[int]:
    groups = root / "sys/fs/cgroup"
    for controllers, path in _groups_of_this_process(root):
        if controllers == "":
            yield from _limits(groups, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits(groups / "memory", path, "memory.limit_in_bytes")


def _groups_of_this_process(root: Path) -> Iterator[tuple[str, str]]:
    """(controllers, path) of each hierarchy; no controllers are named for version 2."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, group = line.partition(":")
        controllers, _, path = group.partition(":")
        yield controllers, path


def _limits(mount: Path, path: str, file: str) -> Iterator[int]:
    """Limits of the group and its parents. A container that sees its own group as the root has it at the mount."""
    here = Path(path.lstrip("/"))
    if ".." in here.parts:  # the group is outside of this namespace
        here = Path()
    for group in (here, *here.parents):
        limit = _read(mount / group / file).strip()
        if limit.isdigit():  # "max": no limit
            yield int(limit)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
