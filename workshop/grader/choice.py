"""Which checks to run: all, some by name, or those that failed last time.

In: the text after ONLY=, and a file that remembers failures. Out: the checks. Unknown names raise BadChoice.
"""

import contextlib
import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from workshop.grader.check import Check
from workshop.grader.grading import Result, Status

FAILED = "failed"  # ONLY=failed


class BadChoice(Exception):
    """One line that says what would be right."""


def chosen(only: str, checks: Sequence[Check], memory: Path) -> Sequence[Check]:
    """The checks that `only` names, in checklist order. `failed` means all of them if none failed. Raises BadChoice."""
    wanted = set(re.split(r"[\s,]+", only)) - {""}
    names = [check.name for check in checks]
    if FAILED in wanted:
        wanted = wanted - {FAILED} | remembered(memory) & set(names)
    for name in sorted(wanted - set(names)):
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        right = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
        raise BadChoice(f"ONLY={only}: there is no check {name}; {right}")
    return [check for check in checks if check.name in wanted] or checks


def remembered(memory: Path) -> set[str]:
    """The names of the checks that failed last time; empty if nothing was graded yet."""
    try:
        names = json.loads(memory.read_text())
    except (OSError, ValueError):
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def remember(memory: Path, results: Sequence[Result]) -> None:
    """Remember these results. Checks that did not run this time keep their earlier result."""
    ran = {result.check.name for result in results}
    failed = {result.check.name for result in results if result.status is Status.FAILED}
    with contextlib.suppress(OSError):  # a read-only folder must not cost anybody the score
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.write_text(json.dumps(sorted(remembered(memory) - ran | failed)) + "\n")
