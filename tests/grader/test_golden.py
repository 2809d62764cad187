"""All that the grader prints, word for word, in each of the situations that an attendee meets.

golden/en/*.txt has the output: stdout, and then stderr after a line of dashes. golden/es/*.txt has it in Spanish. `…`
stands for what differs between runs.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.attendee import Project
from tests.grader.conftest import Stranger
from workshop.grader.launch import ModelServer, embedded_server
from workshop.processes import ROOT, free_port

GOLDEN = Path(__file__).parent / "golden"
IN_EACH_LANGUAGE = pytest.mark.parametrize("language", ["en", "es"])
PASSES_ON = "        return await next(call)"
PASSED, NOTHING_TO_GRADE, LOST_POINTS = 0, 2, 3


def is_golden(name: str, done: subprocess.CompletedProcess[str], language: str = "en", **shown: str) -> None:
    """The output is that of the file. `shown`: words that stand for texts of this run, like URL."""
    printed = done.stdout + (f"{'-' * 60}\n{done.stderr}" if done.stderr else "")
    for word, text in shown.items():
        printed = printed.replace(text, word)
    golden = (GOLDEN / language / f"{name}.txt").read_text()
    pattern = "[^\n]*".join(re.escape(part) for part in golden.split("…"))
    # Compared line by line first: that shows where they differ.
    for line, wanted in zip(printed.splitlines(), golden.splitlines(), strict=False):
        assert re.fullmatch("[^\n]*".join(map(re.escape, wanted.split("…"))), line), f"{wanted}\n{printed}"
    assert re.fullmatch(pattern, printed), printed


def wrong(given: str, written: str) -> Callable[[Project], None]:
    def write(project: Project) -> None:
        project.write(given, written)

    return write


@IN_EACH_LANGUAGE
@pytest.mark.parametrize(
    ("name", "write", "only", "status"),
    [
        ("pass", Project.solve, "input_limit cost health", PASSED),
        ("fail", wrong("return 0.0,", "return 0.5,"), "input_limit cost health", LOST_POINTS),
        ("hang", wrong(PASSES_ON, "        import time; time.sleep(10_000)"), "cost input_limit health", LOST_POINTS),
        ("crash", wrong(PASSES_ON, "        import os; os._exit(7)"), "secrets cost health", LOST_POINTS),
        ("killed", wrong(PASSES_ON, "        import os; os.kill(os.getpid(), 9)"), "secrets cost", LOST_POINTS),
        ("syntax_error", wrong("Handler) -> Reply:", "Handler) -> Reply"), "", NOTHING_TO_GRADE),
        ("wrong_return_type", wrong('return 0.0, "default"', "return 0.0"), "health tokens cost latency", LOST_POINTS),
    ],
)
def test_an_exercise(
    name: str, write: Callable[[Project], None], only: str, status: int, language: str, project: Project
) -> None:
    write(project)
    done = project.grade(only, WORKSHOP_LANG=language)
    assert done.returncode == status, done.stdout + done.stderr
    is_golden(name, done, language)


def at(url: str, *arguments: str, language: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workshop.grader", "1", "--url", url, *arguments]
    spoken = {**os.environ, "WORKSHOP_LANG": language}
    return subprocess.run(command, cwd=ROOT, env=spoken, capture_output=True, text=True, timeout=250, check=False)


@IN_EACH_LANGUAGE
def test_a_port_where_nobody_listens(language: str) -> None:
    url = f"http://localhost:{free_port()}"
    done = at(url, language=language)
    assert done.returncode == NOTHING_TO_GRADE
    is_golden("nobody_listens", done, language, URL=url)


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@IN_EACH_LANGUAGE
def test_the_port_of_the_model_server(language: str, models: ModelServer) -> None:
    done = at(models.url, language=language)
    assert done.returncode == NOTHING_TO_GRADE
    is_golden("wrong_port", done, language, URL=models.url)


@IN_EACH_LANGUAGE
def test_a_service_that_is_no_gateway(language: str, stranger: Stranger) -> None:
    stranger.unknown.add("/generate")
    done = at(stranger.url, "--only", "health", "--upstream", "localhost:9", language=language)
    assert done.returncode == LOST_POINTS
    is_golden("wrong_service", done, language, URL=stranger.url)
