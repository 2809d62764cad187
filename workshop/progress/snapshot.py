"""The page of `make progress` as data, for the playground: `.progress/page.json`.

In: the record. Out: one JSON file with the page in every language, written whole or not at all. `make demo-N` tells the
service where it is (PROGRESS_FILE); it is written again after each grading, hint and reset.
"""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from workshop.processes import ROOT
from workshop.progress import pages, record
from workshop.progress.labs import POINTS
from workshop.progress.record import Record
from workshop.progress.standing import Standing, go_on_with, missing, standings
from workshop.progress.tasks import Task
from workshop.translation import LANGUAGES
from workshop.translation.phrases import speaking

CODES = {suffix: suffix or "en" for suffix in LANGUAGES}  # as a browser names a language


def place(root: Path = ROOT) -> Path:
    return root / record.FOLDER / "page.json"


def write(root: Path = ROOT, *, running: int = 0) -> None:
    """`running`: the demo to begin with, for people who have begun none. What cannot be written is not shown."""
    text = json.dumps(snapshot(record.load(root), missing(), root, running=running))
    file = place(root)
    new = file.with_name(f"{file.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        file.parent.mkdir(exist_ok=True)
        new.write_text(text)
        new.replace(file)


def snapshot(kept: Record, without: dict[int, str], root: Path = ROOT, *, running: int = 0) -> dict[str, Any]:
    """The page by its language's code. `without`: why a demo cannot run here."""
    found = {}
    for suffix, code in CODES.items():
        with speaking(suffix):
            found[code] = _page(list(standings(kept, root).values()), without, running)
    return found


def _page(demos: Sequence[Standing], without: dict[int, str], running: int) -> dict[str, Any]:
    earned, total = pages.score(demos, without)
    first = [demo for demo in demos if demo.lab.number == running and not any(each.begun for each in demos)]
    now = first[0] if first else go_on_with(demos, list(without))
    return {
        "earned": earned,
        "total": total,
        "next": {"demo": now.lab.number if now else None, **asdict(pages.advice(now))},
        "demos": [_demo(demo, without) for demo in demos],
    }


def _demo(demo: Standing, without: dict[int, str]) -> dict[str, Any]:
    done = demo.record.done
    return {
        "number": demo.lab.number,
        "title": demo.page.title,
        "earned": demo.record.earned,
        "total": demo.record.total or POINTS,
        "graded": bool(demo.record.checks),
        "done": demo.record.graded if done else None,
        "left": "" if done else pages.left(demo, without),
        "tasks": [_task(demo, task) for task in demo.tasks] if demo.begun else [],
    }


def _task(demo: Standing, task: Task) -> dict[str, str]:
    return {"title": task.title, "state": pages.state(demo, task), "hints": pages.hints_given(demo, task)}
