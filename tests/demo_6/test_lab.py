"""The lab of demo 6 runs as written: first against an engine alone, then against everything that `make demo-6` starts.

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
from tests import labs
from tests.demo_6.deployed import Deployed
from tests.frame.conftest import demo_port
from workshop.demo import DEMOS, build_path, started
from workshop.grader.checks.demo_6 import CHECKLIST
from workshop.processes import ROOT, Process, free_port
from workshop.serving_cluster import CONFIGS, DASHBOARD_OFFSET, METRICS_OFFSET, token_file
from workshop.sidecars import SERVING_PORT_OFFSET, TRACES_PORT_OFFSET, stand_before

README = ROOT / "demos" / "demo_6_ray_serve_vllm" / "README.md"
BY_HAND, _, REST = README.read_text().partition("## 4 ·")
[DEMO] = labs.parts_of(REST, 6)
ENGINE_STEPS = labs.steps_of(BY_HAND)
STEPS = [*ENGINE_STEPS, *DEMO.steps]
ENGINE_PORT, CLUSTER_PORT = 8500, 8000 + SERVING_PORT_OFFSET
START_SECONDS = 120.0  # for an engine on a busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The memory of the page's second terminal, from the page's beginning to its end."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[labs.Lab]:
    """The page's first terminal in the first sections: vLLM alone."""
    [command] = [line for line in labs.console_commands(README) if "vllm.entrypoints" in line]
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

    return labs.Story([*((step, alone) for step in ENGINE_STEPS), *((step, whole) for step in DEMO.steps)])


@pytest.mark.prove
@pytest.mark.parametrize("number", range(len(STEPS)), ids=labs.titles(STEPS))
def test_a_step_of_the_lab_runs_as_written(number: int, story: labs.Story) -> None:
    story.run(number)


def test_the_lab_has_steps_and_says_what_they_print() -> None:
    assert len(STEPS) > 12
    assert all(step.expected for step in STEPS)


def test_the_lab_says_which_checks_show_what_must_be_true() -> None:
    table = README.read_text().partition("| what must be true |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", table) == [check.name for check in CHECKLIST.checks]


def test_the_lab_says_what_each_line_of_the_laptops_file_is_for() -> None:
    text = README.read_text()
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
