"""`make start`, `make progress`, `make hint-N`, `make diff-N`, `make reset-N`. Asks nothing, and needs no network.

Exit status 0, or 1 with one line on stderr.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from workshop.processes import ROOT
from workshop.progress import given, pages, record, set_aside, snapshot
from workshop.progress.compare import comparison, solved
from workshop.progress.labs import LABS
from workshop.progress.standing import Standing, missing, standing, standings
from workshop.progress.tasks import NoSuchTask, Task, find
from workshop.translation.phrases import say


def main(arguments: list[str] | None = None) -> int:
    options = _read(arguments)
    try:
        print(_answer(options))
    except (NoSuchTask, given.Unknown) as reason:
        print(reason, file=sys.stderr)
        return 1
    except OSError as fault:
        print(f"{fault.filename}: {fault.strerror}", file=sys.stderr)
        return 1
    return 0


def _answer(options: argparse.Namespace) -> str:
    if options.what == "start":
        return pages.start(list(standings(record.load()).values()), missing())
    if options.what == "progress":
        return pages.progress(list(standings(record.load()).values()), missing())
    if options.what == "reset":
        return _reset(options.number)
    demo = standing(LABS[options.number], record.load())
    return _hint(demo, options.task) if options.what == "hint" else _diff(demo, options.task, spoil=options.spoil)


def _hint(demo: Standing, wanted: str) -> str:
    task = find(demo.tasks, wanted) if wanted else demo.next_task
    if task is None:
        return say(
            "every task of demo {number} passes; make diff-{number} shows your solution beside ours",
            number=demo.lab.number,
        )
    level = demo.hints(task) + 1
    if level <= len(task.hints):
        with record.changed() as kept:
            kept.of(demo.lab.number).hints.setdefault(task.number, []).append(record.now())
        snapshot.write()
    return pages.hint(demo, task, level)


def _diff(demo: Standing, wanted: str, *, spoil: bool) -> str:
    tasks = [find(demo.tasks, wanted)] if wanted else demo.tasks
    shown = [task for task in tasks if spoil or demo.passed(task)]
    parts = [_compared(demo, task, seen=shown[:place]) for place, task in enumerate(shown)]
    if hidden := [task for task in tasks if task not in shown]:
        which = ", ".join(map(str, hidden)) if wanted or shown else say("demo {number}", number=demo.lab.number)
        parts.append(say("The solution of {which} is shown after a pass, or with SPOIL=1.", which=which))
    return "\n\n".join(parts)


def _compared(demo: Standing, task: Task, seen: Sequence[Task]) -> str:
    """A task's two solutions. Those that were `seen` may be in the same code."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    above = next((other for other in seen if (other.file, other.names) == (task.file, task.names)), None)
    return "\n".join(
        [
            f"--- {task} ".ljust(pages.WIDTH, "-"),
            "",
            say("(the code of {task})", task=above) if above else comparison(demo.lab, task, colour=colour),
            "",
            *pages.filled(say("Why: {why}", why=task.why)),
            say("Ours is from {file}.", file=solved(demo.lab, task).relative_to(ROOT)),
            *pages.filled(say("The workshop's own: {solution}", solution=task.solution)),
        ]
    )


def _reset(number: int) -> str:
    lab = LABS[number]
    aside = set_aside.reset(lab)
    if aside is None:
        return say("{exercise} is as it was given: there is nothing to set aside", exercise=lab.exercise)
    snapshot.write()
    return pages.reset(lab.exercise, aside.relative_to(ROOT), set_aside.own(aside, ROOT / lab.exercise))


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workshop.progress", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    for name in ("start", "progress"):
        what.add_parser(name)
    for name in ("hint", "diff", "reset"):
        command = what.add_parser(name)
        command.add_argument("number", type=int, choices=LABS)
        if name != "reset":
            command.add_argument("--task", default="", help="its number or name")
    what.choices["diff"].add_argument("--spoil", action="store_true", help="also before a pass")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # a pager that was left early
        sys.exit(0)
