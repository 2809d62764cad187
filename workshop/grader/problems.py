"""What the service under test reports of its own failures: exceptions nobody expected, coroutines nobody awaited.

In: the output files of services that the grader has started. Out: Problems, in order, from the JSON lines of the
operational log. Other lines are ignored: the service may not be ours.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from workshop.processes import ROOT

NEVER_AWAITED = "was never awaited"
WARNING = "RuntimeWarning"  # the category of that warning


@dataclass(slots=True, frozen=True)
class Problem:
    """`place` is `demos/…/guards.py:118, in Tariff.cost`; empty if unknown.

    `returned_to`: the line that could not use what that function returned.
    """

    kind: str
    reason: str
    place: str = ""
    source: str = ""
    returned_to: str = ""

    @classmethod
    def read(cls, line: str) -> Self | None:
        """The problem that a line of the log reports, or None."""
        record = _object(line)
        message = record.get("message")
        if isinstance(record.get("exception"), str):
            return cls(
                record["exception"],
                str(record.get("reason", "")),
                _place(record),
                str(record.get("source", "")),
                str(record.get("returned_to", "")),
            )
        if record.get("logger") == "py.warnings" and isinstance(message, str) and NEVER_AWAITED in message:
            first, _, source = message.replace(f"{ROOT}/", "").partition("\n")
            place, _, said = first.partition(": ")
            return cls(*_halves(said), place, source.strip())
        return None

    @property
    def same(self) -> tuple[str, str]:
        """The same key means the same problem: reasons may contain numbers that differ."""
        return self.kind, self.place

    def follows(self, other: "Problem") -> bool:
        """Did the other problem keep this coroutine from being awaited?"""
        _, _, function = other.place.partition(", in ")
        return self.kind == WARNING and other.kind != WARNING and f"'{function}'" in self.reason

    def __str__(self) -> str:
        parts = [self.place, f"{self.kind}: {self.reason}" if self.reason else self.kind]
        return ": ".join(part for part in parts if part)


class Problems:
    """The problems of all services that the grader has started, in the order in which they are read."""

    def __init__(self) -> None:
        self._read_to: dict[Path, int] = {}
        self._left: list[Problem] = []

    @contextmanager
    def of(self, printed: Path) -> Iterator[None]:
        """Inside the block, a service prints to this file. Its problems are kept after the file is gone."""
        self._read_to[printed] = 0
        try:
            yield
        finally:
            self._left += self._new(printed)
            del self._read_to[printed]

    def take(self) -> list[Problem]:
        """The problems since the last call."""
        taken, self._left = self._left, []
        for printed in list(self._read_to):
            taken += self._new(printed)
        return taken

    def _new(self, printed: Path) -> list[Problem]:
        """The problems in complete lines that were not read yet."""
        if not printed.exists():
            return []
        with printed.open("rb") as file:
            file.seek(self._read_to[printed])
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read_to[printed] += len(whole) + len(newline)
        return problems_in(whole.decode(errors="replace"))


def problems_in(text: str) -> list[Problem]:
    """The problems in the output of a service."""
    return [problem for line in text.splitlines() if (problem := Problem.read(line))]


def _place(record: Mapping[str, Any]) -> str:
    if "file" not in record:
        return ""
    function = record.get("function")
    return f"{record['file']}:{record.get('line')}" + (f", in {function}" if function else "")


def _halves(text: str) -> tuple[str, str]:
    kind, _, reason = text.partition(": ")
    return kind, reason


def _object(line: str) -> Mapping[str, Any]:
    try:
        record = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
