"""What is graded: the reference, the attendee's own version, or a service that somebody has started.

In: a demo's number, and a solution or a URL. Out: its name for reports, and the command that grades it. Knows whether
somebody has written in an exercise while the reference is graded in its place.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workshop.demo import DEMOS, build_path, config_path
from workshop.processes import ROOT
from workshop.sidecars import RUN

EXERCISE, REFERENCE = "exercise", "reference"


@dataclass(slots=True, frozen=True)
class Target:
    """`url` is empty for what the grader starts itself.

    `says` is what a service that runs says of itself, `has_more` what is to be known of a later demo's.
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
        """Where the attendee writes."""
        return f"demos/{DEMOS[self.number].package}/exercise"

    @property
    def own_files(self) -> list[Path]:
        """The attendee's code, if it is to be graded."""
        return sorted((ROOT / self.exercise).glob("*.py")) if self.solution == EXERCISE and not self.url else []

    @property
    def name(self) -> str:
        """Where the score belongs, in a few words."""
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
        """What grades it again."""
        which = f" URL={self.url}" if self.url else " SOLUTION=exercise" if self.solution == EXERCISE else ""
        return f"make grade-{self.number}{which}"

    @property
    def memory(self) -> Path:
        """The file that remembers which checks failed."""
        which = re.sub(r"\W+", "-", self.url) if self.url else self.solution
        return RUN / "grades" / f"demo-{self.number}-{which}.json"

    @property
    def notes(self) -> list[str]:
        """What a person should know before they believe the score."""
        return [note for note in (self.has_more, self._overlooked) if note]

    @property
    def _overlooked(self) -> str:
        """For somebody who has written in the exercise, and has the reference graded."""
        if self.url or self.solution == EXERCISE or not _changed(ROOT, self.exercise):
            return ""
        yours = Target(self.number, EXERCISE)
        return f"You have changed {self.exercise}, and this grades the reference. For yours: {yours.command}"


def _changed(root: Path, folder: str) -> bool:
    """Has somebody written in it, as far as git can tell? Against what was cloned, if that is known."""
    cloned = _git(root, "merge-base", "HEAD", "origin/HEAD").strip() or "HEAD"
    return bool(
        _git(root, "diff", "--name-only", cloned, "--", folder)
        or _git(root, "ls-files", "-o", "--exclude-standard", folder)
    )


def _git(root: Path, *arguments: str) -> str:
    """What git prints; nothing if it fails, or is not here."""
    try:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
