"""Where somebody stands: which tasks are passed, and what comes next.

In: the record. Out: a Standing for each demo, and the one to go on with. No demo needs an earlier one: people go on
with what they worked on last, and from there in order.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workshop import platforms
from workshop.processes import ROOT
from workshop.progress import record
from workshop.progress.labs import LABS, Lab, Page
from workshop.progress.record import DemoRecord, Record
from workshop.progress.tasks import Task, tasks_of


@dataclass(slots=True, frozen=True)
class Standing:
    """One demo: what there is to do, and what is recorded of it."""

    lab: Lab
    page: Page
    tasks: Sequence[Task]
    record: DemoRecord

    def passed(self, task: Task) -> bool:
        """At least one of its checks passed, and those that could be graded here did."""
        ended = {self._ended(name) for name in task.checks}
        return record.PASSED in ended and ended <= {record.PASSED, record.NOT_GRADED}

    def open(self, task: Task) -> bool:
        """A check of this task was lost, or has not run yet."""
        return not {self._ended(name) for name in task.checks} <= {record.PASSED, record.NOT_GRADED}

    def lost(self, task: Task) -> list[str]:
        """The checks that do not pass yet."""
        return [name for name in task.checks if self._ended(name) in ("", record.FAILED)]

    def hints(self, task: Task) -> int:
        """How many hints were given."""
        return len(self.record.hints.get(task.number, []))

    @property
    def begun(self) -> bool:
        return bool(self.record.latest) or any(map(self.passed, self.tasks))

    @property
    def next_task(self) -> Task | None:
        return next((task for task in self.tasks if self.open(task)), None)

    @property
    def minutes_left(self) -> float:
        if self.record.done:
            return 0
        left = self.page.writing * sum(map(self.open, self.tasks)) / max(1, len(self.tasks))
        return left if self.begun else self.page.all

    @property
    def task_minutes(self) -> float:
        return self.page.writing / max(1, len(self.tasks))

    def _ended(self, name: str) -> str:
        check = self.record.checks.get(name)
        return check.status if check else ""


def standings(kept: Record, root: Path = ROOT) -> dict[int, Standing]:
    """All demos, in order."""
    return {number: standing(lab, kept, root) for number, lab in LABS.items()}


def standing(lab: Lab, kept: Record, root: Path = ROOT) -> Standing:
    return Standing(lab, lab.read(root), tasks_of(lab, root), kept.demos.get(lab.number, DemoRecord()))


def go_on_with(all_demos: Sequence[Standing], without: Sequence[int] = ()) -> Standing | None:
    """The demo to go on with; None at the end of the path. `without`: demos that cannot run on this machine."""
    left = [one for one in all_demos if not one.record.done and one.lab.number not in without]
    begun = [one for one in left if one.begun]
    if begun:
        return max(begun, key=lambda one: one.record.latest)
    done = [one for one in all_demos if one.record.done]
    last = max(done, key=lambda one: (one.record.latest, one.lab.number)).lab.number if done else 0
    # After the one that was finished last; from the end of the path, back to what was left out before.
    return min(left, key=lambda one: (one.lab.number < last, one.lab.number), default=None)


def missing() -> dict[int, str]:
    """The demos that cannot run on this machine, each with the reason."""
    why = platforms.why_no_serving(os.environ.get("HARDWARE") or "cpu")
    return {6: why} if why else {}
