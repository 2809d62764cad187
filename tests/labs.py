"""Runs the commands of a Markdown page as written, in order, against a running `make demo-N`.

In: a page whose ```bash blocks are commands, and whose ```text blocks are the output of the block before (… stands for
anything). Out: one Step for each block, and the Story that runs them in order. A variable that a block sets at the
beginning of a line is set in later blocks, too, as in an open terminal. ```console blocks are commands that stay in the
foreground. They are not run here, except those that restart the demo with other settings.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from tests.frame.conftest import demo_port
from workshop.demo import MODEL_PORT_OFFSET
from workshop.grader.check import Checklist
from workshop.processes import ROOT, Process
from workshop.sidecars import PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"^([A-Z]+)=", re.MULTILINE)
ANYTHING = "…"
LONGEST_STEP = 480  # seconds; a replica takes minutes to start on a busy machine
BUSY = {"LOAD_PATIENCE": "5"}  # make load-N also measures the machine, on which other tests run


@dataclass(slots=True, frozen=True)
class Step:
    """A block of commands, and the lines that they must print."""

    commands: str
    expected: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.commands.splitlines()[0][:60]


@dataclass(slots=True, frozen=True)
class Lab:
    """A demo as it runs here, with ports and files other than the page's."""

    port: int
    folder: Path
    hidden: frozenset[str] = frozenset()  # settings of the demo that are not set in the lab's own terminal
    moved: Mapping[str, str] = field(default_factory=dict)  # further texts of the page, and their replacements

    def here(self, commands: str) -> str:
        """The commands with this demo's ports and files."""
        moved = commands
        for there, here in {"localhost:8000": f"localhost:{self.port}", **self.moved}.items():
            moved = moved.replace(there, here)
        for offset in (MODEL_PORT_OFFSET, PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET):
            moved = moved.replace(f"localhost:{8000 + offset}", f"localhost:{self.port + offset}")
        for name in ("logs.json", "workshop.db"):
            moved = moved.replace(name, str(self.folder / name))
        return moved

    def run(self, step: Step) -> None:
        """Run one step. Fails unless it exits 0 and prints the expected lines."""
        memory = self.folder / "variables.sh"
        memory.touch()
        names = " ".join(VARIABLE.findall(step.commands))
        remember = f"declare -p {names} >> {memory}" if names else ""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f". {memory}\n{self.here(step.commands)}\n{remember}"],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name not in self.hidden} | BUSY,
            capture_output=True,
            text=True,
            timeout=LONGEST_STEP,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for line in step.expected:
            wanted = ".*".join(re.escape(part) for part in line.strip().split(ANYTHING))
            assert re.search(wanted, done.stdout), f"expected a line like\n{line}\nin\n{done.stdout}"


def read_steps(page: Path) -> list[Step]:
    """The page's steps, in order."""
    return steps_of(page.read_text())


def steps_of(text: str) -> list[Step]:
    """The steps of a page, or of a part of it, in order."""
    steps: list[Step] = []
    for language, block in FENCE.findall(text):
        if language == "bash":
            steps.append(Step(block, ()))
        elif language == "text" and steps:
            steps[-1] = Step(steps[-1].commands, tuple(block.splitlines()))
    return steps


def console_commands(page: Path) -> list[str]:
    """The page's commands after a `$`: those that stay in the foreground, or need something that is not here."""
    return commands_after_dollar(page.read_text())


def commands_after_dollar(text: str) -> list[str]:
    """The same for a page's text, or for a part of it."""
    blocks = [block for language, block in FENCE.findall(text) if language == "console"]
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line[2:].partition("#")[0].strip() for line in lines]


@dataclass(slots=True, frozen=True)
class Part:
    """One start of the demo, and the commands until the next one."""

    settings: Mapping[str, str]
    steps: Sequence[Step]


def parts_of(text: str, number: int) -> list[Part]:
    """The page, split where it says to start demo `number`."""
    starts = list(re.finditer(rf"^\$ ((?:[A-Z_]+=\S+ )*)make demo-{number}$", text, re.MULTILINE))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return [
        Part(dict(setting.split("=", 1) for setting in start[1].split()), steps_of(text[start.end() : end]))
        for start, end in zip(starts, ends, strict=True)
    ]


def with_answers(parts: Sequence[Part], page: Path) -> list[Part]:
    """The page's parts, and in the last one the commands of ANSWERS.md beside the page too."""
    *before, last = parts
    return [*before, replace(last, steps=[*last.steps, *read_steps(page.with_name("ANSWERS.md"))])]


@dataclass(slots=True)
class Story:
    """The steps of a page in order, each with the lab that it runs in. A step runs only after all steps before it.

    The function beside a step returns its lab, and starts it if it does not run yet.
    """

    steps: Sequence[tuple[Step, Callable[[], Lab]]]
    _told: int = 0
    _failed: str = ""

    def run(self, number: int) -> None:
        """Run step `number`, counted from 0, after all earlier steps that have not run yet."""
        while self._told <= number:
            if self._failed:
                pytest.skip(f"it needs {self._failed}, which failed")
            self._run_next(number)

    def _run_next(self, wanted: int) -> None:
        step, lab = self.steps[self._told]
        name = f"step {self._told + 1} ({step.title})"
        try:
            lab().run(step)
        except BaseException as failure:
            self._failed = name
            if self._told < wanted:
                raise AssertionError(f"{name}, which comes before, failed: {failure}") from failure
            raise
        self._told += 1


def started_once(text: str, settings: Mapping[str, str]) -> list[Part]:
    """A page with a single start of the demo, with these settings."""
    return [Part(settings, steps_of(text))]


def titles(steps: Sequence[Step]) -> list[str]:
    """The steps' names in a report: their number, counted from 1, and the beginning of their first line."""
    return [f"{number}: {step.title}" for number, step in enumerate(steps, start=1)]


@contextmanager
def story(number: int, parts: Sequence[Part], folder: Path) -> Iterator[Story]:
    """The lab of demo `number`. Each part restarts the demo; all parts share one database and one terminal."""
    with pytest.MonkeyPatch.context() as both_terminals, ExitStack() as running:
        both_terminals.setenv("DATABASE_URL", f"sqlite:///{folder / 'workshop.db'}")
        labs: dict[int, Lab] = {}

        def at(index: int) -> Lab:
            if index not in labs:
                running.close()  # stops the previous part
                labs[index] = running.enter_context(started(number, folder, parts[index].settings))
            return labs[index]

        yield Story([(step, partial(at, index)) for index, part in enumerate(parts) for step in part.steps])


@contextmanager
def started(number: int, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Lab]:
    """Demo `number`, started through `make` on free ports, with its files in `folder`."""
    port = demo_port()
    environment = {"LOG_FILE": str(folder / "logs.json"), **(settings or {})}
    process = Process(
        name=f"make demo-{number}",
        command=["make", f"demo-{number}", f"PORT={port}"],
        ready_url=f"http://127.0.0.1:{port}/ready",
        environment=environment,
        output=folder / "printed.txt",
    )
    with process:
        yield Lab(port, folder, frozenset({*environment, "PORT", "MAKEFLAGS", "MAKELEVEL"}))


class PageTests:
    """Tests that every page of commands must pass; a subclass in a demo's test_lab.py names the page.

    `parts` are the page's starts of the demo.
    """

    number: int
    page: Path
    parts: Sequence[Part]

    @classmethod
    def steps(cls) -> list[Step]:
        return [step for part in cls.parts for step in part.steps]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "number" in metafunc.fixturenames:
            steps = self.steps()
            metafunc.parametrize("number", range(len(steps)), ids=titles(steps))

    @pytest.fixture(scope="class")
    @classmethod
    def story(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
        with story(cls.number, cls.parts, tmp_path_factory.mktemp("lab")) as told:
            yield told

    @pytest.mark.prove
    def test_a_step_of_the_lab_runs_as_written(self, number: int, story: Story) -> None:
        story.run(number)

    def test_the_page_says_what_its_steps_print(self) -> None:
        assert self.steps()
        assert all(step.expected for step in self.steps())

    def test_every_start_of_the_demo_is_followed_by_something_to_try(self) -> None:
        assert all(part.steps for part in self.parts)


class LabTests(PageTests):
    """Tests that every lab must pass. `proof` is the heading of the table that names the checks.

    `proof_page` has the table: the lab itself, or its page of optional steps.
    """

    checklist: Checklist
    proof: str
    proof_page: Path | None = None

    def test_the_lab_says_which_checks_show_what_must_be_true(self) -> None:
        text = (self.proof_page or self.page).read_text()
        table = text.partition(f"| {self.proof} |")[2].partition("\n\n")[0]
        assert sorted(re.findall(r"`(\w+)`", table)) == sorted(check.name for check in self.checklist.checks)

    def test_the_lab_has_steps(self) -> None:
        assert len(self.steps()) > 8

    def test_the_commands_of_the_answers_are_run_too(self) -> None:
        answers = self.page.with_name("ANSWERS.md")
        if not answers.exists():
            pytest.skip("this lab has no answers yet")
        theirs = read_steps(answers)
        assert theirs
        assert self.steps()[-len(theirs) :] == theirs
