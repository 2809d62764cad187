"""Bounds the values of a label: the first `most` that were really served. All others are "other".

Clients make up models, and a counter never forgets a label: without a bound they would fill the memory, and /metrics.
Several workers share one bound, through a register in the folder of their metrics.
"""

import fcntl
import os
from pathlib import Path

from shared.telemetry.multiprocess import FOLDER

OTHER = "other"
LONGEST = 100  # bytes


class Admitted:
    """At most `most` values of at most `longest` bytes. `name` is the register's name, one for each label."""

    def __init__(self, name: str, most: int, longest: int = LONGEST) -> None:
        self._most = most
        self._longest = longest
        self._values: set[str] = set()
        self._register = Path(os.environ[FOLDER]) / f"{name}.labels" if FOLDER in os.environ else None
        self._read = 0  # bytes read from the register

    # region: label
    def label(self, value: str, *, served: bool) -> str:
        """The value itself, or OTHER. It is remembered only if it was served."""
        if value in self._values:
            return value
        if self._register is not None and len(self._values) < self._most:
            self._hear_of_others(self._register)
        if value not in self._values and served and len(self._values) < self._most and self._fits(value):
            self._admit(value)
        return value if value in self._values else OTHER

    # endregion: label

    def _hear_of_others(self, register: Path) -> None:
        """Read what other workers have served. While nothing is new, this costs one look at the file's size."""
        if register.exists() and register.stat().st_size != self._read:
            self._learn(register.read_bytes())

    def _admit(self, value: str) -> None:
        if self._register is None:
            self._values.add(value)
            return
        with self._register.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            self._learn(file.read())
            if value not in self._values and len(self._values) < self._most:
                file.write(value.encode() + b"\n")
                self._values.add(value)

    def _learn(self, lines: bytes) -> None:
        self._read = len(lines)
        self._values.update(lines.decode().split("\n")[:-1])

    def _fits(self, value: str) -> bool:
        """Does it fit into a line of /metrics unescaped? Unprintable text may not even be encodable."""
        sane = value != "" and value.isprintable() and not {'"', "\\"} & set(value)
        return sane and len(value.encode()) <= self._longest
