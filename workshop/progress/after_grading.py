"""What a grading of one's own exercise leaves: its results on record, and a few lines on what passed and what is next.

In: the points of a demo's checks, and the results of those that ran. Out: the lines, for the end of the report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workshop.progress import pages, record, snapshot
from workshop.progress.labs import LABS
from workshop.progress.source import Source
from workshop.progress.standing import missing, standing, standings


@dataclass(slots=True, frozen=True)
class Kept:
    """`why`: for each task that passes now and did not before. `next`: what to do now. Both are lines."""

    why: Sequence[str] = ()
    next: Sequence[str] = ()


def keep(
    number: int, points: Mapping[str, int], results: Mapping[str, str], graded: Source, *, alone: bool = True
) -> Kept:
    """Record the results, and what was `graded`. `alone`: no other demo is graded with this one."""
    with record.changed() as kept:
        before = standing(LABS[number], kept)
        passed_before = [task.number for task in before.tasks if before.passed(task)]
        record.grade(kept.of(number), points, results, graded, alone=alone)
    snapshot.write()
    now = standing(LABS[number], kept)
    passed = [task for task in now.tasks if now.passed(task) and task.number not in passed_before]
    on = (
        pages.next_in(now) if alone and not now.record.done else pages.following([*standings(kept).values()], missing())
    )
    return Kept(pages.passed(now, passed), on)
