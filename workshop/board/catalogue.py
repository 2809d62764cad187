"""The grader's own checks, by demo: what a result is compared with, and what the page says of a check.

In: this clone. Out: for each demo its titles, its checks with points, and where the hints to each are.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.pipeline.errors import InvalidRequest, NotFound
from workshop.grader.check import Checklist
from workshop.processes import ROOT
from workshop.progress.labs import LABS, Lab
from workshop.progress.record import PASSED
from workshop.progress.tasks import HINTS, tasks_of
from workshop.translation import ENGLISH, LANGUAGES, in_language

PAGE_LANGUAGE = {ENGLISH: "en"}  # how browsers call it; other languages have the same name here


@dataclass(slots=True, frozen=True)
class Listed:
    """`task`: the number of the task that this check belongs to; 0 for none."""

    title: str
    points: int
    task: int


@dataclass(slots=True, frozen=True)
class Demo:
    """`titles` and `hints` (a page of the clone) are by language."""

    number: int
    titles: Mapping[str, str]
    hints: Mapping[str, str]
    checks: Mapping[str, Listed]

    @property
    def total(self) -> int:
        return sum(check.points for check in self.checks.values())

    def earned(self, results: Mapping[str, str]) -> int:
        """The points of these results. Raises InvalidRequest for a check that the grader does not have."""
        for name in results:
            if name not in self.checks:
                raise InvalidRequest(
                    f"demo {self.number} has no check {name} here: is your clone of the class's version?",
                    param="checks",
                )
        return sum(self.checks[name].points for name, status in results.items() if status == PASSED)

    def must_earn(self, claimed: int, results: Mapping[str, str]) -> int:
        """The points, computed here. Raises InvalidRequest if others are claimed."""
        earned = self.earned(results)
        if claimed != earned:
            raise InvalidRequest(f"these checks earn {earned} points, not {claimed}", param="points")
        return earned


class Catalogue:
    """The demos, by number."""

    def __init__(self, root: Path = ROOT) -> None:
        self.demos = {number: _demo(lab, root) for number, lab in LABS.items()}

    def demo(self, number: int) -> Demo:
        """Raises NotFound."""
        if number not in self.demos:
            raise NotFound(f"there is no demo {number}; there are {', '.join(map(str, self.demos))}")
        return self.demos[number]


def _demo(lab: Lab, root: Path) -> Demo:
    checklist: Checklist = importlib.import_module(f"workshop.grader.checks.demo_{lab.number}").CHECKLIST
    task_of = {name: task.number for task in tasks_of(lab, root) for name in task.checks}
    return Demo(
        number=lab.number,
        titles={language: _title(page) for language, page in _pages(root / lab.page).items()},
        hints={
            language: page.relative_to(root).as_posix()
            for language, page in _pages(root / lab.exercise / HINTS).items()
        },
        checks={
            check.name: Listed(check.title, check.points, task_of.get(check.name, 0)) for check in checklist.checks
        },
    )


def _pages(page: Path) -> dict[str, Path]:
    """A page in every language that it is translated into."""
    found = {suffix: in_language(page, suffix) for suffix in LANGUAGES}
    return {PAGE_LANGUAGE.get(suffix, suffix): file for suffix, file in found.items() if file.exists()}


def _title(page: Path) -> str:
    return page.read_text().partition("\n")[0].partition(" · ")[2]
