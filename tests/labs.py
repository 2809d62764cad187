"""Run the commands of a Markdown page as written, in order, against what `make demo-N` starts.

In: a page whose ```bash blocks are commands, and whose ```text blocks are what the block before prints (… stands for
anything). Out: one Step a block; a variable that a block sets at the beginning of a line is there in those that follow,
as in a terminal that stays open. ```console blocks are commands that stay in the foreground: shown, not run here, but
for those that start the demo anew, with other settings.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.frame.conftest import demo_port
from workshop.companions import PROMETHEUS_PORT_OFFSET, TRACES_PORT_OFFSET
from workshop.demo import MODEL_PORT_OFFSET
from workshop.processes import ROOT, Process

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"^([A-Z]+)=", re.MULTILINE)
ANYTHING = "…"
LONGEST_STEP = 240  # seconds


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
            env={name: value for name, value in os.environ.items() if name not in self.hidden},
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


class Terminals:
    """What runs in the first terminal, one part after the other; the second stays open, and `folder` is its memory."""

    def __init__(self, number: int, folder: Path, running: ExitStack) -> None:
        self._number = number
        self._folder = folder
        self._running = running
        self._part: Part | None = None
        self._lab: Lab | None = None

    def at(self, part: Part) -> Lab:
        """The demo as this part wants it, started if it does not run."""
        if self._lab is None or self._part is not part:
            self._running.close()
            self._lab = self._running.enter_context(started(self._number, self._folder, part.settings))
            self._part = part
        return self._lab


@contextmanager
def terminals(number: int, folder: Path) -> Iterator[Terminals]:
    """Two of them, with one database, for a lab that starts demo `number` more than once."""
    with pytest.MonkeyPatch.context() as both, ExitStack() as running:
        both.setenv("DATABASE_URL", f"sqlite:///{folder / 'workshop.db'}")
        yield Terminals(number, folder, running)


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
