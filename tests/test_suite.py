"""Rules for the suite itself: every wait is for a condition, and a test that fails is not run again.

A sleep instead of a condition is too short on a busy machine, and too long on all others. Tests wait with
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

# The places that may sleep, with the number of sleeps and the reason. Fewer are always welcome.
ALLOWED = {
    "tests/limits/crowd.py": (1, "a load that is spread over seconds"),
    "tests/limits/test_http.py": (1, "a client that waits as long as Retry-After says"),
    "tests/limits/test_redis_connection.py": (1, "a call that keeps the event loop busy"),
    "tests/fork_server.py": (1, "waiting for a process that is not our child"),
    "tests/stress/raw_upstream.py": (1, "an upstream that drips"),
    "tests/stress/test_slow_readers.py": (1, "a client that reads slowly"),
    "tests/stress/test_soak.py": (1, "a sample every so often"),
    "workshop/grader/checks": (16, "slow callers, windows and times to live that pass, the checks' own polls"),
    "workshop/grader": (10, "the grader polls services that others wrote, and waits for windows to pass"),
    "tests/grader": (1, "a slow stream"),
    "tests/demo_1": (4, "right and wrong solutions that it grades"),
    "tests/demo_3": (1, "in a mutant"),
    "tests/demo_4": (2, "in mutants"),
    "tests/demo_6": (3, "two of them are replicas that hang"),
}


def sleeps(source: str) -> Iterator[int]:
    """The lines with a sleep. asyncio.sleep(0) is none: it only lets other tasks run first."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        gives_way = called != "time.sleep" and [ast.unparse(given) for given in node.args] == ["0"]
        if (called in SLEEPS and not gives_way) or called.endswith(f".{PAGE_SLEEP}"):
            yield node.lineno


def place(path: str) -> str:
    """The entry of ALLOWED that a file counts toward: its own or its folder's."""
    return next((entry for entry in ALLOWED if path == entry or path.startswith(f"{entry}/")), path)


def test_only_places_with_a_reason_sleep() -> None:
    found: dict[str, list[str]] = {}
    for file in sorted(file for folder in LOOKED_THROUGH for file in folder.rglob("*.py")):
        path = file.relative_to(ROOT).as_posix()
        if path != WAITING and "node_modules" not in path:
            found.setdefault(place(path), []).extend(f"{path}:{line}" for line in sleeps(file.read_text()))
    over = {
        where: lines for where, lines in found.items() if len(lines) > (ALLOWED[where][0] if where in ALLOWED else 0)
    }
    assert not over, f"wait for a condition instead (tests/waiting.py): {over}"


def test_the_places_that_may_sleep_exist() -> None:
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
def test_every_form_of_a_sleep_is_found(source: str, count: int) -> None:
    assert len(list(sleeps(source))) == count


@pytest.mark.parametrize("file", [ROOT / "Makefile", *sorted((ROOT / ".ci").iterdir()), ROOT / "pyproject.toml"])
def test_no_command_runs_failed_tests_again(file: Path) -> None:
    assert [word for word in AGAIN if word in file.read_text()] == []
