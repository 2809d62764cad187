"""The lab of demo 6 runs as written: against everything that `make demo-6` starts, and its optional steps 15 and 16
against an engine alone.

The cluster is the exception: it takes half a minute to start, so it is the one that all tests here share. The page only
shows faults that take as long to heal; test_demo_6.py runs them.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from shared.settings import load_settings
from tests import labs, optional_steps
from tests.demo_6.deployed import Deployed
from tests.frame.conftest import demo_port
from workshop.demo import DEMOS, build_path, started
from workshop.grader.checks.demo_6 import CHECKLIST
from workshop.processes import ROOT, Process, free_port
from workshop.progress.labs import LABS
from workshop.progress.tasks import tasks_of
from workshop.serving_cluster import CONFIGS, DASHBOARD_OFFSET, METRICS_OFFSET, token_file
from workshop.sidecars import SERVING_PORT_OFFSET, TRACES_PORT_OFFSET, stand_before

FOLDER = ROOT / "demos" / "demo_6_ray_serve_vllm"
README, MORE, ANSWERS = FOLDER / "README.md", FOLDER / "MORE.md", FOLDER / "ANSWERS.md"
# The optional steps that have another server, or none.
WITH_DEMO, _, REST = MORE.read_text().partition("## 15 ·")
BY_HAND, _, WITHOUT = REST.partition("## 17 ·")
# One start of the cluster is enough for all pages: they start the demo with the same settings.
[DEMO], [DEMO_FOR_MORE] = labs.parts_of(README.read_text(), 6), labs.parts_of(WITH_DEMO, 6)
ENGINE_STEPS = labs.steps_of(BY_HAND)
DEMO_STEPS = [*DEMO.steps, *labs.read_steps(ANSWERS), *DEMO_FOR_MORE.steps, *labs.steps_of(WITHOUT)]
STEPS = [*DEMO_STEPS, *ENGINE_STEPS]
ENGINE_PORT, CLUSTER_PORT = 8500, 8000 + SERVING_PORT_OFFSET
NAME = re.compile(r"\b(?:self\.)?(?:\w+\.)(\w+)")
SOLVED = ROOT / "tests" / "demo_6" / "solved" / "deployment.py"
START_SECONDS = 120.0  # for an engine on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The memory of the page's second terminal, from the page's beginning to its end."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[labs.Lab]:
    """The page's first terminal in the steps with vLLM alone."""
    [command] = [line for line in labs.console_commands(MORE) if "vllm.entrypoints" in line]
    port = free_port()
    process = Process(
        name="vLLM",
        command=["bash", "-c", f"exec env {command.replace(str(ENGINE_PORT), str(port))}"],
        ready_url=f"http://127.0.0.1:{port}/health",
        output=folder / "engine.txt",
    )
    process.start(START_SECONDS)
    try:
        yield labs.Lab(port, folder, moved={f"localhost:{ENGINE_PORT}": f"localhost:{port}"})
    finally:
        process.stop()


@pytest.fixture(scope="module")
def demo(cluster: Deployed, receiver: str, folder: Path) -> Iterator[labs.Lab]:
    port = demo_port()
    ours = {
        "PORT": str(port),
        "LOG_FILE": str(folder / "logs.json"),
        "DATABASE_URL": f"sqlite:///{folder / 'workshop.db'}",
        "OTLP_ENDPOINT": receiver,
        "TRACES_URL": receiver,
        "TRACE_SAMPLE_RATIO": "1",
        **DEMO.settings,
    }
    offsets = (0, METRICS_OFFSET, DASHBOARD_OFFSET)
    moved = {f"localhost:{CLUSTER_PORT + offset}": f"localhost:{cluster.port + offset}" for offset in offsets}
    moved |= {f"localhost:{8000 + TRACES_PORT_OFFSET}": receiver.removeprefix("http://")}
    moved |= {f".run/{token_file(CLUSTER_PORT).name}": str(token_file(cluster.port))}
    moved |= {f".run/{name}": f"{folder}/{name}" for name in ("hey", "stream")}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ours.items():
            environment.setenv(name, value)
        here = replace(DEMOS[6], upstream=lambda stage: stand_before(stage, cluster.port))
        with started(here, build_path(here, "reference"), load_settings(), output=folder / "printed.txt"):
            yield labs.Lab(port, folder, frozenset(ours), moved)


@pytest.fixture(scope="module")
def story(request: pytest.FixtureRequest) -> labs.Story:
    def alone() -> labs.Lab:
        engine: labs.Lab = request.getfixturevalue("engine")
        return engine

    def whole() -> labs.Lab:
        demo: labs.Lab = request.getfixturevalue("demo")
        return demo

    return labs.Story([*((step, whole) for step in DEMO_STEPS), *((step, alone) for step in ENGINE_STEPS)])


@pytest.mark.prove
@pytest.mark.parametrize("number", range(len(STEPS)), ids=labs.titles(STEPS))
def test_a_step_of_the_lab_runs_as_written(number: int, story: labs.Story) -> None:
    story.run(number)


def test_the_lab_has_steps_and_says_what_they_print() -> None:
    assert len(STEPS) > 12
    assert all(step.expected for step in STEPS)


def test_the_lab_says_which_checks_show_what_must_be_true() -> None:
    table = MORE.read_text().partition("| what must be true |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == [check.name for check in CHECKLIST.checks]


def test_one_start_of_the_demo_fits_all_pages() -> None:
    [for_quiz] = labs.parts_of(ANSWERS.read_text(), 6)
    assert DEMO.settings == DEMO_FOR_MORE.settings == for_quiz.settings


def test_everything_on_the_cheat_sheet_is_used_by_a_solution() -> None:
    sheet = (FOLDER / "exercise" / "HINTS.md").read_text().partition("```python\n")[2].partition("```")[0]
    named = {name for line in sheet.splitlines() for name in NAME.findall(line.partition("#")[0])}
    solutions = "".join(path.read_text() for path in (ROOT / "serving/ray_serve/by_hand.py", SOLVED))
    assert len(named) > 15
    assert not {name for name in named if not re.search(rf"\b{name}\b", solutions)}


def test_the_lab_says_what_each_line_of_the_laptops_file_is_for() -> None:
    text = README.read_text() + MORE.read_text()
    [application] = yaml.safe_load((CONFIGS / "laptop.yaml").read_text())["applications"]
    arguments = application["args"]
    said = {
        *arguments["replicas"],
        *arguments["engine"],
        *arguments["environment"],
        "cpus",
        "max_ongoing_requests",
        "drain_s",
    }
    assert not {name for name in said if not re.search(rf"`{name}\b", text)}


class TestOptionalSteps(optional_steps.OptionalStepsTests):
    number = 6
    folder = FOLDER
    tasks = tuple(check for task in tasks_of(LABS[6]) for check in task.checks)
    longest = 75  # a cluster takes its time to start, in the lab and for each grading
