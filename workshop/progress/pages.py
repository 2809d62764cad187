"""The pages that `make start`, `make progress` and `make hint-N` print, and the lines that end a grading.

In: Standings. Out: text of at most 24 lines, in the language of the person at the terminal. Prose has at most 100
columns, and a command stays on its line.
"""

import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workshop.progress.labs import POINTS, duration
from workshop.progress.standing import Standing, go_on_with
from workshop.progress.tasks import Task, hints_page
from workshop.translation.phrases import say

WIDTH = 100  # columns
BAR = 20  # of a demo with all of its points
COMMAND = 50  # columns for a command, before what it is for
MARKS = {"passed": "✓", "lost": "✗", "not_graded": "–"}


@dataclass(slots=True, frozen=True)
class Command:
    """`says` is what it is for."""

    command: str
    says: str

    def __str__(self) -> str:
        if len(self.command) <= COMMAND:
            return f"  {self.command:<{COMMAND}} {self.says}"
        line = f"  {self.command}   {self.says}"
        return line if len(line) <= WIDTH else f"  {self.command}\n      {self.says}"


@dataclass(slots=True, frozen=True)
class Advice:
    """What to do next: a sentence, perhaps with a second one on a line of its own, and its commands."""

    says: str
    commands: Sequence[Command] = ()

    @property
    def lines(self) -> list[str]:
        return [*self.says.splitlines(), *map(str, self.commands)]


def start(demos: Sequence[Standing], missing: dict[int, str]) -> str:
    """What is done, what is next, and how long it takes. `missing`: why a demo cannot run here."""
    lines = [say("Six demos, each a lab and an exercise. Each stands alone, so begin where you like."), ""]
    lines += [f"  {_row(demo)}   {_said(demo, missing)}".rstrip() for demo in demos]
    lines += ["", *following(demos, missing)]
    left = sum(demo.minutes_left for demo in demos if demo.lab.number not in missing)
    if left:
        lines += ["", say("To the end of the path: {time}. make progress shows each task.", time=duration(left))]
    return "\n".join(lines)


def progress(demos: Sequence[Standing], missing: dict[int, str]) -> str:
    """Each demo with its points, and each task of those that were begun."""
    lines: list[str] = []
    for demo in demos:
        lines.append(f"{_row(demo)}   {_said(demo, missing)}".rstrip())
        if demo.begun:
            lines += filled(" · ".join(_task(demo, task) for task in demo.tasks), indent="      ")
    earned, total = score(demos, missing)
    lines += ["", say("Score: {earned}/{total}", earned=earned, total=total)]
    return "\n".join([*lines, *following(demos, missing)])


def score(demos: Sequence[Standing], missing: dict[int, str]) -> tuple[int, int]:
    """The points that were earned, and those that can be earned on this machine."""
    earned = sum(demo.record.earned for demo in demos)
    return earned, sum(demo.record.total or POINTS for demo in demos if demo.lab.number not in missing)


def following(demos: Sequence[Standing], missing: dict[int, str]) -> list[str]:
    """What to do next, with its commands."""
    return advice(go_on_with(demos, list(missing))).lines


def next_in(demo: Standing) -> list[str]:
    """What to do next in a demo that was begun and is not done."""
    return _next_step(demo).lines


def advice(demo: Standing | None) -> Advice:
    """`demo`: the one to go on with; None at the end of the path."""
    if demo is None:
        return Advice(
            say("You have come to the end of the path."),
            [
                _command("make grade SOLUTION=exercise", "grades all of it once more"),
                _command('make report NAME="Ana"', "a page and a badge of your grades"),
                _command("docs/next_steps.md", "what a gateway does not solve"),
            ],
        )
    return _next_step(demo) if demo.begun else _first_steps(demo)


def _next_step(demo: Standing) -> Advice:
    number, task = demo.lab.number, demo.next_task
    again = f"make grade-{number} SOLUTION=exercise"
    if task is None:
        lost = say("Next: checks are lost that belong to no task")
        return Advice(lost, [_command(f"{again} ONLY=failed", "shows them")])
    where, time = f"{demo.lab.exercise}/{task.file}", duration(demo.task_minutes)
    given, all_hints = demo.hints(task), len(task.hints)
    said = say("Next: demo {number}, {task} ({time}): {file}", number=number, task=task, time=time, file=where)
    return Advice(
        "\n".join([said, *_together(task)]),
        [
            _command(f"{again} ONLY={','.join(demo.lost(task))}", "grades it"),
            _command(f"make hint-{number}", "if you are stuck ({given} of {all} given)", given=given, all=all_hints),
        ],
    )


def hint(demo: Standing, task: Task, level: int) -> str:
    """One hint of a task. A level above the last says that there are no more."""
    number = demo.lab.number
    if level > len(task.hints):
        page = hints_page(demo.lab)
        told = say(
            "{task}: you have all of its {all} hints ({page}).", task=_capital(task), all=len(task.hints), page=page
        )
        return "\n".join([told, str(_command(f"make diff-{number} TASK={task.number} SPOIL=1", "shows the solution"))])
    lines = [say("{task}, hint {level} of {all}", task=_capital(task), level=level, all=len(task.hints))]
    lines += ["", *filled(task.hints[level - 1], indent="  "), "", *_together(task)]
    checks = ",".join(demo.lost(task) or task.checks)
    lines.append(str(_command(f"make grade-{number} SOLUTION=exercise ONLY={checks}", "grades it")))
    chosen = f"{number} TASK={task.number}"
    if level < len(task.hints):
        lines.append(str(_command(f"make hint-{chosen}", "the next hint, which says more")))
    else:
        lines.append(str(_command(f"make diff-{chosen} SPOIL=1", "there are no more hints; this shows the solution")))
    return "\n".join(lines)


def reset(exercise: str, aside: Path, own: Sequence[str]) -> str:
    """An exercise is as it was given. `own`: what differs of the work in the folder `aside`, and how to get it back."""
    lines = [say("{exercise} is as it was given. Your work is in {aside}", exercise=exercise, aside=aside)]
    if own:
        files = " ".join(shlex.quote(f"{aside}/{name}") for name in own)
        lines.append(str(_command(f"cp -R {files} {exercise}", "brings it back; then grade it again")))
    return "\n".join(lines)


def passed(demo: Standing, tasks: Sequence[Task]) -> list[str]:
    """Why these tasks, which now pass, are done so."""
    lines: list[str] = []
    for task in tasks:
        why = task.why[:1].upper() + task.why[1:]  # Spanish goes on in lower case after a colon
        lines += ["", *filled(f"✓ {_capital(task)}. {why}", hanging="  ")]
        lines.append(str(_command(f"make diff-{demo.lab.number} TASK={task.number}", "your solution beside ours")))
    return lines


def _together(task: Task) -> list[str]:
    if not task.together:
        return []
    return ["  " + say("You see it work only together with task {number}: write both.", number=task.together)]


def _first_steps(demo: Standing) -> Advice:
    number, lab, page = demo.lab.number, demo.lab, demo.page
    return Advice(
        say("Next: demo {number} · {title}", number=number, title=page.title),
        [
            _command(page.start, "runs it; {page} is the lab ({time})", page=lab.translated(), time=duration(page.lab)),
            _command(
                f"make grade-{number} SOLUTION=exercise", "grades what you write ({time})", time=duration(page.writing)
            ),
        ],
    )


def _row(demo: Standing) -> str:
    total = demo.record.total or POINTS
    filled = BAR * demo.record.earned // total
    points = f"{demo.record.earned:>2}/{total}" if demo.record.checks else "  –  "
    return f"{demo.lab.number}  {demo.page.title:<50}{'■' * filled}{'·' * (BAR - filled)}  {points}"


def _said(demo: Standing, missing: dict[int, str]) -> str:
    return f"✓ {_day(demo.record.graded)}" if demo.record.done else left(demo, missing)


def left(demo: Standing, missing: dict[int, str]) -> str:
    """How long the rest of a demo takes."""
    if demo.lab.number in missing:
        return say("not on this machine")
    return duration(demo.minutes_left)


def _task(demo: Standing, task: Task) -> str:
    hints = f" ({hints_given(demo, task)})" if demo.hints(task) else ""
    # So that a task is not broken in two at the end of a line.
    return f"{MARKS[state(demo, task)]} {task.title}{hints}".replace(" ", "\N{NO-BREAK SPACE}")


def state(demo: Standing, task: Task) -> str:
    """One of MARKS."""
    return "passed" if demo.passed(task) else "lost" if demo.lost(task) else "not_graded"


def hints_given(demo: Standing, task: Task) -> str:
    """In words; empty if none was given."""
    given = demo.hints(task)
    return say("{given} hint" if given == 1 else "{given} hints", given=given) if given else ""


def _capital(task: Task) -> str:
    if task.title.islower():
        return str(task).capitalize()
    return say("Task {number} · {title}", number=task.number, title=task.title)


def _command(command: str, what_for: str, **values: object) -> Command:
    return Command(command, say(what_for, **values))


def filled(text: str, indent: str = "", hanging: str = "") -> Iterator[str]:
    """The text in lines of `WIDTH` columns."""
    # Code keeps its spaces together, so that it can be copied.
    text = re.sub(r"`[^`]{,60}`", lambda code: code[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return (line.replace("\N{NO-BREAK SPACE}", " ") for line in lines)


def _day(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone():%Y-%m-%d}"
