"""Run the commands of a Markdown page as written, in order, against what `make demo-N` starts.

In: a page whose ```bash blocks are commands, and whose ```text blocks are what the block before prints (… stands for
anything). Out: one Step a block, and the Story that they tell together. A variable that a block sets at the beginning
of a line is there in those that follow, as in a terminal that stays open. ```console blocks are commands that stay in
the foreground: shown, not run here, but for those that start the demo once more, with other settings.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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
LONGEST_STEP = 480  # seconds; a replica that starts on a busy machine takes minutes
BUSY = {"LOAD_PATIENCE": "5"}  # make load-N judges the machine, too, and other tests run on it


@dataclass(slots=True, frozen=True)
class Step:
    """A block of commands, and the lines that they are said to print."""

    commands: str
    expected: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.commands.splitlines()[0][:60]


@dataclass(slots=True, frozen=True)
class Lab:
    """A demo as it runs here, where neither its ports nor its files are those of the page."""

    port: int
    folder: Path
    hidden: frozenset[str] = frozenset()  # settings of the demo that the lab's own terminal knows nothing of
    moved: Mapping[str, str] = field(default_factory=dict)  # what else is somewhere else here

    def here(self, commands: str) -> str:
        """The commands, turned to this demo's ports and files."""
        moved = commands
        for there, here in {"localhost:8000": f"localhost:{self.port}", **self.moved}.items():
            moved = moved.replace(there, here)
        for offset in (MODEL_PORT_OFFSET, PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET):
            moved = moved.replace(f"localhost:{8000 + offset}", f"localhost:{self.port + offset}")
        for name in ("logs.json", "workshop.db"):
            moved = moved.replace(name, str(self.folder / name))
        return moved

    def run(self, step: Step) -> None:
        """Run one step; fail if it exits other than 0 or prints something else than it is said to."""
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
    """What the page shows after a `$`: commands that stay in the foreground, or need what is not here."""
    blocks = [block for language, block in FENCE.findall(page.read_text()) if language == "console"]
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [line[2:].partition("#")[0].strip() for line in lines]


@dataclass(slots=True, frozen=True)
class Part:
    """One start of the demo, and what is typed until the next one."""

    settings: Mapping[str, str]
    steps: Sequence[Step]


def parts_of(text: str, number: int) -> list[Part]:
    """The page, cut where it says to start demo `number`."""
    starts = list(re.finditer(rf"^\$ ((?:[A-Z_]+=\S+ )*)make demo-{number}$", text, re.MULTILINE))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return [
        Part(dict(setting.split("=", 1) for setting in start[1].split()), steps_of(text[start.end() : end]))
        for start, end in zip(starts, ends, strict=True)
    ]


@dataclass(slots=True)
class Story:
    """The steps of a page in their order, each with the lab that it runs in. To run one is to run those before it.

    `at` gives the lab of a step, and starts it where it does not run yet.
    """

    steps: Sequence[tuple[Step, Callable[[], Lab]]]
    _told: int = 0
    _failed: str = ""

    def run(self, number: int) -> None:
        """Run step `number`, counted from 0, after all those before it that have not run yet."""
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
    """A page whose steps all stand on one start of the demo, with these settings."""
    return [Part(settings, steps_of(text))]


def titles(steps: Sequence[Step]) -> list[str]:
    """What the steps are called in a report: their number, counted from 1, and how they begin."""
    return [f"{number}: {step.title}" for number, step in enumerate(steps, start=1)]


@contextmanager
def story(number: int, parts: Sequence[Part], folder: Path) -> Iterator[Story]:
    """The lab of demo `number`. Each of its parts starts the demo once more; one database and one terminal for all."""
    with pytest.MonkeyPatch.context() as both_terminals, ExitStack() as running:
        both_terminals.setenv("DATABASE_URL", f"sqlite:///{folder / 'workshop.db'}")
        labs: dict[int, Lab] = {}

        def at(index: int) -> Lab:
            if index not in labs:
                running.close()  # the part before
                labs[index] = running.enter_context(started(number, folder, parts[index].settings))
            return labs[index]

        yield Story([(step, partial(at, index)) for index, part in enumerate(parts) for step in part.steps])


@contextmanager
def started(number: int, folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Lab]:
    """Demo `number` through `make`, on free ports, with its files in `folder`."""
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


class LabTests:
    """What is true of every lab: a subclass in a demo's test_lab.py says which one.

    `parts` are the page's starts of the demo. `proof` heads the table that says which checks show what.
    """

    number: int
    page: Path
    parts: Sequence[Part]
    checklist: Checklist
    proof: str

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

    def test_the_lab_says_which_checks_show_what_must_be_true(self) -> None:
        table = self.page.read_text().partition(f"| {self.proof} |")[2].partition("\n\n")[0]
        assert sorted(re.findall(r"`(\w+)`", table)) == sorted(check.name for check in self.checklist.checks)

    def test_the_lab_has_steps_and_says_what_they_print(self) -> None:
        assert len(self.steps()) > 8
        assert all(step.expected for step in self.steps())

    def test_every_start_of_the_demo_is_followed_by_something_to_try(self) -> None:
        assert all(part.steps for part in self.parts)
