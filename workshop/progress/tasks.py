"""What there is to write in each exercise, read from its HINTS.md.

In: the page, which people read too, in the spoken language where it is translated. Out: its tasks, each with the checks
that grade it, three hints, the place of the solution, and why it is done so. A check that needs two tasks stands at the
later one. If no check of a task can pass before the next task is written, the page says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workshop.processes import ROOT
from workshop.progress.labs import Lab
from workshop.translation import ENGLISH, in_language
from workshop.translation.phrases import in_words, say, spoken

HINTS = "HINTS.md"
HINT = re.compile(r"^\d\. (.*(?:\n   .*)*)", re.MULTILINE)
NAMED = re.compile(r"`([^`]+)`")


@dataclass(slots=True, frozen=True)
class Patterns:
    """The parts of a page in one language."""

    task: re.Pattern[str]
    write: re.Pattern[str]
    together: re.Pattern[str]
    solution: re.Pattern[str]
    why: re.Pattern[str]


@cache
def patterns(language: str) -> Patterns:
    words = ("Task", "You write", "Check", "Checks", "You see it work only together with task", "Solution", "Why")
    task, write, check, checks, together, solution, why = (re.escape(in_words(word, language)) for word in words)
    return Patterns(
        task=re.compile(rf"^## {task} (\d+) · (.+)$", re.MULTILINE),
        write=re.compile(rf"^{write} (.+?)\. (?:{check}|{checks}): (.+?)\.$", re.MULTILINE),
        together=re.compile(rf"^{together} (\d+)\.$", re.MULTILINE),
        solution=re.compile(rf"^{solution}[^:]*: (.+)$", re.MULTILINE),
        why=re.compile(rf"^{why}: (.+(?:\n.+)*)", re.MULTILINE),
    )


class NoSuchTask(Exception):
    """One line that says which tasks there are."""


@dataclass(slots=True, frozen=True)
class Task:
    """`file` is in the exercise's folder. `names` are what to write in it; without names it is the whole file.

    `together` is the number of the task without which its checks cannot pass; 0 if there is none. `solution` is a
    Markdown phrase that begins with a file of the repository.
    """

    number: int
    title: str
    file: str
    names: tuple[str, ...]
    checks: tuple[str, ...]
    together: int
    hints: tuple[str, ...]
    solution: str
    why: str

    def __str__(self) -> str:
        return say("task {number} · {title}", number=self.number, title=self.title)

    @property
    def graded(self) -> tuple[int, str, Sequence[str], Sequence[str], int]:
        """What is the same in every language."""
        return self.number, self.file, self.names, self.checks, self.together


def tasks_of(lab: Lab, root: Path = ROOT) -> list[Task]:
    """The tasks of a lab's exercise, in order. Without those that cannot be read: people may edit the page."""
    english = _tasks(root / lab.exercise / HINTS, ENGLISH)
    translated = _tasks(in_language(root / lab.exercise / HINTS, spoken()), spoken())
    # A translation that somebody has edited changes nothing of what is graded.
    return translated if [task.graded for task in translated] == [task.graded for task in english] else english


def hints_page(lab: Lab, root: Path = ROOT) -> str:
    """The page in the spoken language; the English one where there is no such page."""
    page = in_language(root / lab.exercise / HINTS, spoken())
    return f"{lab.exercise}/{page.name if page.exists() else HINTS}"


def _tasks(page: Path, language: str) -> list[Task]:
    words = patterns(language)
    _, *parts = words.task.split(page.read_text() if page.exists() else "")
    tasks: list[Task] = []
    solution = ""
    # From the last to the first: some tasks share the solution that is named at the end of the last of them.
    for number, title, text in reversed(list(zip(parts[0::3], parts[1::3], parts[2::3], strict=True))):
        solution = found[1] if (found := words.solution.search(text)) else solution
        if task := _task(words, int(number), title, text, solution):
            tasks.append(task)
    return tasks[::-1]


def find(tasks: Sequence[Task], wanted: str) -> Task:
    """The task with this number or name, in any case. Raises NoSuchTask."""
    for task in tasks:
        if wanted.lower() in (str(task.number), task.title.lower(), *(name.lower() for name in task.names)):
            return task
    there = ", ".join(f"{task.number} ({task.title})" for task in tasks)
    raise NoSuchTask(f"TASK={wanted}: there is no such task; there are {there}")


def _task(words: Patterns, number: int, title: str, text: str, solution: str) -> Task | None:
    write, why, together = words.write.search(text), words.why.search(text), words.together.search(text)
    if write is None or why is None:
        return None
    *names, file = NAMED.findall(write[1])
    return Task(
        number=number,
        title=title.strip(),
        file=file,
        names=tuple(names),
        checks=tuple(NAMED.findall(write[2])),
        together=int(together[1]) if together else 0,
        hints=tuple(_joined(hint) for hint in HINT.findall(text)),
        solution=solution,
        why=_joined(why[1]),
    )


def _joined(text: str) -> str:
    return " ".join(text.split())
