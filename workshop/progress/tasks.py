"""What there is to write in each exercise, read from its HINTS.md.

In: the page, which people read too. Out: its tasks, each with the checks that grade it, three hints, the place of the
solution, and why it is done so. A check that needs two tasks stands at the later one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop.processes import ROOT
from workshop.progress.labs import Lab

HINTS = "HINTS.md"
TASK = re.compile(r"^## Task (\d+) · (.+)$", re.MULTILINE)
WRITE = re.compile(r"^You write (.+?)\. Checks?: (.+?)\.$", re.MULTILINE)
HINT = re.compile(r"^\d\. (.*(?:\n   .*)*)", re.MULTILINE)
SOLUTION = re.compile(r"^Solution[^:]*: (.+)$", re.MULTILINE)
WHY = re.compile(r"^Why: (.+(?:\n.+)*)", re.MULTILINE)
NAMED = re.compile(r"`([^`]+)`")


class NoSuchTask(Exception):
    """One line that says which tasks there are."""


@dataclass(slots=True, frozen=True)
class Task:
    """`file` is in the exercise's folder. `names` are what to write in it; without names it is the whole file.

    `solution` is a Markdown phrase that begins with a file of the repository.
    """

    number: int
    title: str
    file: str
    names: tuple[str, ...]
    checks: tuple[str, ...]
    hints: tuple[str, ...]
    solution: str
    why: str

    def __str__(self) -> str:
        return f"task {self.number} · {self.title}"


def tasks_of(lab: Lab, root: Path = ROOT) -> list[Task]:
    """The tasks of a lab's exercise, in order. Without those that cannot be read: people may edit the page."""
    page = root / lab.exercise / HINTS
    _, *parts = TASK.split(page.read_text() if page.exists() else "")
    tasks: list[Task] = []
    solution = ""
    # From the last to the first: some tasks share the solution that is named at the end of the last of them.
    for number, title, text in reversed(list(zip(parts[0::3], parts[1::3], parts[2::3], strict=True))):
        solution = found[1] if (found := SOLUTION.search(text)) else solution
        if task := _task(int(number), title, text, solution):
            tasks.append(task)
    return tasks[::-1]


def find(tasks: Sequence[Task], wanted: str) -> Task:
    """The task with this number or name, in any case. Raises NoSuchTask."""
    for task in tasks:
        if wanted.lower() in (str(task.number), task.title.lower(), *(name.lower() for name in task.names)):
            return task
    there = ", ".join(f"{task.number} ({task.title})" for task in tasks)
    raise NoSuchTask(f"TASK={wanted}: there is no such task; there are {there}")


def _task(number: int, title: str, text: str, solution: str) -> Task | None:
    write, why = WRITE.search(text), WHY.search(text)
    if write is None or why is None:
        return None
    *names, file = NAMED.findall(write[1])
    return Task(
        number=number,
        title=title.strip(),
        file=file,
        names=tuple(names),
        checks=tuple(NAMED.findall(write[2])),
        hints=tuple(_joined(hint) for hint in HINT.findall(text)),
        solution=solution,
        why=_joined(why[1]),
    )


def _joined(text: str) -> str:
    return " ".join(text.split())
