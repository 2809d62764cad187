"""What the service under test says of its own failures: exceptions nobody expected, and coroutines nobody awaited.

In: the files that services print to, of those that the grader has started. Out: Problems, as they come, from the JSON
lines of the operational log. What is not such a line counts for nothing: a service need not be ours.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from workshop.processes import ROOT

NEVER_AWAITED = "was never awaited"
WARNING = "RuntimeWarning"  # the kind of warning that says so


@dataclass(slots=True, frozen=True)
class Problem:
    """`place` is `demos/…/guards.py:118, in Tariff.cost`; empty if it is not known.

    `returned_to`: the line that could not use what the function there had returned.
    """

    kind: str
    reason: str
    place: str = ""
    source: str = ""
    returned_to: str = ""

    @classmethod
    def read(cls, line: str) -> Self | None:
        """The problem that a line of the log tells of, if it does."""
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
        """What tells it from other problems: reasons may have numbers of their own."""
        return self.kind, self.place

    def follows(self, other: "Problem") -> bool:
        """Was this coroutine never awaited because the other problem kept it from that?"""
        _, _, function = other.place.partition(", in ")
        return self.kind == WARNING and other.kind != WARNING and f"'{function}'" in self.reason

    def __str__(self) -> str:
        parts = [self.place, f"{self.kind}: {self.reason}" if self.reason else self.kind]
        return ": ".join(part for part in parts if part)


class Problems:
    """Those of all services that the grader has started, in the order in which they are read."""

    def __init__(self) -> None:
        self._read_to: dict[Path, int] = {}
        self._left: list[Problem] = []

    @contextmanager
    def of(self, printed: Path) -> Iterator[None]:
        """While inside, a service prints to this file. What it has said is kept when the file is gone."""
        self._read_to[printed] = 0
        try:
            yield
        finally:
            self._left += self._new(printed)
            del self._read_to[printed]

    def take(self) -> list[Problem]:
        """What has come since the last time."""
        taken, self._left = self._left, []
        for printed in list(self._read_to):
            taken += self._new(printed)
        return taken

    def _new(self, printed: Path) -> list[Problem]:
        """Of the whole lines that were not read yet."""
        if not printed.exists():
            return []
        with printed.open("rb") as file:
            file.seek(self._read_to[printed])
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read_to[printed] += len(whole) + len(newline)
        return problems_in(whole.decode(errors="replace"))


def problems_in(text: str) -> list[Problem]:
    """In the output of a service."""
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
