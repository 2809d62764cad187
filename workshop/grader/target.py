"""What is graded: the reference, the attendee's own version, or a service that already runs.

In: a demo's number, and a solution or a URL. Out: its name for reports, and the command that grades it. Notices if
somebody has edited an exercise while the reference is graded.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from workshop.demo import DEMOS, build_path, config_path
from workshop.processes import ROOT
from workshop.progress.given import changed
from workshop.sidecars import RUN

EXERCISE, REFERENCE = "exercise", "reference"


@dataclass(slots=True, frozen=True)
class Target:
    """`url` is empty if the grader starts the service itself.

    `says` is what a running service says of itself; `has_more` is a note about a later demo's service.
    """

    number: int
    solution: str = REFERENCE
    url: str = ""
    says: str = ""
    has_more: str = ""

    @property
    def build(self) -> str:
        return build_path(DEMOS[self.number], self.solution)

    @property
    def config(self) -> Path:
        """What Ray Serve deploys, where a demo has one."""
        return config_path(DEMOS[self.number], self.solution)

    @property
    def exercise(self) -> str:
        """Where the attendee writes code."""
        return f"demos/{DEMOS[self.number].package}/exercise"

    @property
    def own_files(self) -> list[Path]:
        """The attendee's code, if that is what is graded."""
        return sorted((ROOT / self.exercise).glob("*.py")) if self.own else []

    @property
    def own(self) -> bool:
        """Is it the attendee's exercise? Of a service that somebody else started we cannot know."""
        return self.solution == EXERCISE and not self.url

    @property
    def name(self) -> str:
        """What the score belongs to, in a few words."""
        if self.url:
            return self.url
        return f"{self.exercise} (your version)" if self.solution == EXERCISE else "the reference, not your exercise"

    @property
    def heading(self) -> str:
        if self.url:
            return f"Grading {self.url} ({self.says})"
        if self.solution == EXERCISE:
            return f"Grading {self.exercise} (your version)"
        return f"Grading the reference, demos/{DEMOS[self.number].package} (not your exercise: SOLUTION=exercise)"

    @property
    def command(self) -> str:
        """The command that grades it again."""
        which = f" URL={self.url}" if self.url else " SOLUTION=exercise" if self.solution == EXERCISE else ""
        return f"make grade-{self.number}{which}"

    @property
    def memory(self) -> Path:
        """The file that remembers which checks failed."""
        which = re.sub(r"\W+", "-", self.url) if self.url else self.solution
        return RUN / "grades" / f"demo-{self.number}-{which}.json"

    @property
    def notes(self) -> list[str]:
        """What people should know before they trust the score."""
        return [note for note in (self.has_more, self._overlooked) if note]

    @property
    def _overlooked(self) -> str:
        """A note for people who have edited the exercise but are grading the reference."""
        if self.url or self.solution == EXERCISE or not changed(ROOT, self.exercise):
            return ""
        yours = Target(self.number, EXERCISE)
        return f"You have changed {self.exercise}, but this grades the reference. For yours: {yours.command}"
