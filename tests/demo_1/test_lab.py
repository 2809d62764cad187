"""The lab of demo 1 runs as written: each command of its README in order, against what `make demo-1` starts."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.demo_1.checks import CHECKLIST
from workshop.processes import ROOT, Process, free_port

README = ROOT / "demos" / "demo_1_guarded" / "README.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"
TIMEOUT = "5"  # seconds; room for two retries, and less to wait for what hangs


@dataclass(slots=True, frozen=True)
class Step:
    """A block of commands, and the lines that they are said to print; … stands for anything."""

    commands: str
    expected: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.commands.splitlines()[0][:60]


@dataclass(slots=True, frozen=True)
class Lab:
    """The demo as it runs here, where neither its ports nor its log are those of the README."""

    port: int
    log_file: Path

    def here(self, commands: str) -> str:
        moved = commands.replace("localhost:8000", f"localhost:{self.port}")
        moved = moved.replace("localhost:8100", f"localhost:{self.port + 100}")
        return moved.replace("logs.json", str(self.log_file))


def read_steps(text: str) -> list[Step]:
    steps: list[Step] = []
    for language, block in FENCE.findall(text):
        if language == "bash":
            steps.append(Step(block, ()))
        elif language == "text":
            steps[-1] = Step(steps[-1].commands, tuple(block.splitlines()))
    return steps


STEPS = read_steps(README.read_text())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    port = _port_with_room_above()
    started = Process(
        name="make demo-1",
        command=["make", "demo-1", f"PORT={port}"],
        ready_url=f"http://127.0.0.1:{port}/health",
        environment={"LOG_FILE": str(folder / "logs.json"), "TIMEOUT": TIMEOUT},
        output=folder / "printed.txt",
    )
    with started:
        yield Lab(port, folder / "logs.json")


# The steps stand on each other, as they do for a person: run the file whole.
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_a_step_of_the_lab_runs_as_written(step: Step, lab: Lab) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lab.here(step.commands)],
        cwd=ROOT,
        # The terminal of the lab knows nothing of the settings that the demo was started with.
        env={name: value for name, value in os.environ.items() if name not in ("LOG_FILE", "TIMEOUT", "PORT")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in step.expected:
        wanted = ".*".join(re.escape(part) for part in line.strip().split(ANYTHING))
        assert re.search(wanted, done.stdout), f"expected a line like\n{line}\nin\n{done.stdout}"


def test_the_lab_says_which_checks_show_each_point_of_the_checklist() -> None:
    table = README.read_text().partition("| the checklist |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == [check.name for check in CHECKLIST.checks]


def test_the_lab_has_steps_and_says_what_they_print() -> None:
    assert len(STEPS) > 8
    assert all(step.expected for step in STEPS)


def _port_with_room_above() -> int:
    """A free port whose hundredth above, where the embedded model will listen, is free as well."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            if port + 100 < 65536 and probe.connect_ex(("127.0.0.1", port + 100)) != 0:
                return port
