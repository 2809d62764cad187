"""The suite itself: every wait is for a condition, and what fails fails at once.

A sleep that stands for an event is too short on a busy machine, and too long on all others. Who waits uses
tests/waiting.py, a gate at the upstream (Upstream.held) or a clock that the test moves.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.processes import ROOT

LOOKED_THROUGH = (ROOT / "tests", ROOT / "workshop" / "grader")
WAITING = "tests/waiting.py"
SLEEPS = ("time.sleep", "asyncio.sleep", "sleep")
PAGE_SLEEP = "wait_for_timeout"  # Playwright's

AGAIN = ("--last-failed", "--lf", "--failed-first", "--reruns", "flaky")

# Where a pause is the subject, and how many there are. Fewer are always welcome.
ALLOWED = {
    "tests/limits/crowd.py": (1, "a load that is spread over seconds"),
    "tests/limits/test_http.py": (1, "the wait that Retry-After orders is what a client is tried with"),
    "tests/limits/test_redis_connection.py": (1, "a call that keeps the event loop busy"),
    "tests/fork_server.py": (1, "the wait of a process that is not our child"),
    "tests/stress/raw_upstream.py": (1, "an upstream that drips"),
    "tests/stress/test_slow_readers.py": (1, "a client that reads slowly"),
    "tests/stress/test_soak.py": (1, "a sample every so often"),
    "workshop/grader/checks": (16, "slow callers, windows and times to live that pass, polls of the checks' own"),
    "workshop/grader": (9, "the grader polls services that others wrote, and lets windows pass"),
    "tests/grader": (1, "a stream that comes slowly"),
    "tests/demo_1": (4, "solutions, right and wrong, that are graded"),
    "tests/demo_3": (1, "a mutant's"),
    "tests/demo_4": (2, "mutants'"),
    "tests/demo_6": (3, "of them two are replicas that hang"),
}


def sleeps(source: str) -> Iterator[int]:
    """The lines on which it sleeps. asyncio.sleep(0) only lets others go first."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        gives_way = called != "time.sleep" and [ast.unparse(given) for given in node.args] == ["0"]
        if (called in SLEEPS and not gives_way) or called.endswith(f".{PAGE_SLEEP}"):
            yield node.lineno


def place(path: str) -> str:
    """The entry of ALLOWED that a file counts for: its own or its folder's."""
    return next((entry for entry in ALLOWED if path == entry or path.startswith(f"{entry}/")), path)


def test_nothing_sleeps_but_what_has_a_reason() -> None:
    found: dict[str, list[str]] = {}
    for file in sorted(file for folder in LOOKED_THROUGH for file in folder.rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        if path != WAITING and "node_modules" not in path:
            found.setdefault(place(path), []).extend(f"{path}:{line}" for line in sleeps(file.read_text()))
    over = {
        where: lines for where, lines in found.items() if len(lines) > (ALLOWED[where][0] if where in ALLOWED else 0)
    }
    assert not over, f"wait for a condition instead (tests/waiting.py): {over}"


def test_where_a_sleep_is_allowed_there_is_something() -> None:
    assert [where for where in ALLOWED if not (ROOT / where).exists()] == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import time\ntime.sleep(1)", 1),
        ("import asyncio\nasync def f():\n    await asyncio.sleep(0.1)\n    await asyncio.sleep(0)", 1),
        ("from time import sleep\nsleep(x)", 1),
        ("page.wait_for_timeout(100)", 1),
        ("text = 'time.sleep(1)'  # time.sleep(1)", 0),
        ("wait_for(lambda: True)", 0),
    ],
)
def test_a_sleep_is_known_when_it_is_seen(source: str, count: int) -> None:
    assert len(list(sleeps(source))) == count


@pytest.mark.parametrize("file", [ROOT / "Makefile", *sorted((ROOT / ".ci").iterdir()), ROOT / "pyproject.toml"])
def test_nothing_is_run_again_until_it_passes(file: Path) -> None:
    assert [word for word in AGAIN if word in file.read_text()] == []
