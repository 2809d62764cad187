"""Right and wrong deployments in front of one engine: the checks tell them apart.

test_demo_6.py, which has a cluster, grades the reference on it.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from workshop.grader import report
from workshop.grader.checks.demo_6 import CHECKLIST
from workshop.grader.deployment import Deployment
from workshop.grader.grading import Status, run
from workshop.grader.service import Service
from workshop.grader.subject import Configured, Subject
from workshop.processes import ROOT, Process, free_port
from workshop.serving_cluster import CONFIGS, PYTHON

pytestmark = pytest.mark.timeout(1200)  # the first test waits for the server

NAMES = [check.name for check in CHECKLIST.checks]
# The checks that need nothing but a deployment.
DEPLOYMENT = [*NAMES[NAMES.index("answer") : NAMES.index("through_gateway")], "health"]
# The checks of what the attendee writes. The starter's engine is cold, too, but seeing that takes a separate start.
TASKS = {
    "answer",
    "tokens",
    "sampling",
    "context_length",
    "unknown_model",
    "stream",
    "stream_steps",
    "stream_usage",
    "commitment",
    "client_leaves",
    "batching",
    "health",
}

# The checks that each mutant must fail.
MUTANTS: dict[str, set[str]] = {
    "SaysTheSameToEverybody": {"answer", "stream"},
    "LeavesTheTemplateOut": {"answer", "tokens", "stream"},
    "HearsTheLastTurnAlone": {"tokens"},
    "ShowsTheMarksOfTurns": {"answer", "stream"},
    "AnswersAsNobody": {"answer"},
    "CountsNothing": {"tokens"},
    "CountsWords": {"tokens"},
    "AnswersAtAnyLength": {"tokens"},
    "IsAlwaysDone": {"tokens"},
    "IsAlwaysSure": {"sampling"},
    "IsNeverSure": {"sampling"},
    "ForgetsTheSeed": {"sampling"},
    "StopsAtNothing": {"sampling"},
    "KnowsOpenAIsAlone": {"sampling"},
    "HasOneChoice": {"sampling"},
    "NumbersNoChoices": {"sampling"},
    "CutsWhatIsTooLong": {"context_length"},
    "SaysSoMuchAndNoMore": {"context_length"},
    "BreaksAtWhatIsTooLong": {"context_length", "commitment"},
    "HasEveryModel": {"unknown_model", "commitment"},
    "BlamesItself": {"unknown_model"},
    "HasItsOwnErrors": {"unknown_model", "context_length"},
    "HoldsItsStreamBack": {"stream_steps"},
    "StreamsInGulps": {"stream_steps"},
    "IsNeverDone": {"stream", "stream_usage"},
    "HasNoRole": {"stream"},
    "NeverSaysWhyItEnded": {"stream"},
    "SaysWhyItEndsAllAlong": {"stream"},
    "CallsAChunkAnAnswer": {"stream"},
    "NamesEachChunkAnew": {"stream"},
    "RepeatsItself": {"stream"},
    "TellsNobodyTheUsage": {"stream_usage"},
    "TellsEverybodyTheUsage": {"stream_usage"},
    "TellsTheUsageTooEarly": {"stream_usage"},
    "CountsChunks": {"stream_usage"},
    "PromisesTooEarly": {"commitment"},
    "WorksForWhoHasLeft": {"client_leaves"},
    "TakesOneAtATime": {"batching"},
    "IsAlwaysWell": {"health"},
    "SaysItIsWell": {"health"},
    "KeepsItFromServe": {"health"},
    "AnswersWithoutAnEngine": {"health"},
    "StartsCold": {"warm"},
    "WarmsUpOnce": {"warm"},
}

ALWAYS = {"answer", "stream"}
LUCK = {"IsNeverSure": ALWAYS}  # by chance, its answer may be right
# Checks close to a mutant's fault, which it must pass nevertheless.
NEIGHBOURS: dict[str, set[str]] = {
    "LeavesTheTemplateOut": {"unknown_model"},
    "HearsTheLastTurnAlone": {"context_length"},
    "CountsNothing": {"sampling"},
    "IsAlwaysSure": {"tokens"},
    "IsNeverSure": {"tokens"},
    "SaysSoMuchAndNoMore": {"tokens"},
    "CutsWhatIsTooLong": {"unknown_model"},
    "BreaksAtWhatIsTooLong": {"unknown_model"},
    "HasEveryModel": {"context_length"},
    "BlamesItself": {"context_length"},
    "HoldsItsStreamBack": {"stream_usage"},
    "HasNoRole": {"stream_steps", "stream_usage"},
    "TellsNobodyTheUsage": {"tokens"},
    "PromisesTooEarly": {"stream_steps", "unknown_model", "context_length"},
    "WorksForWhoHasLeft": {"stream_steps", "batching"},
    "TakesOneAtATime": {"stream_steps"},
}

ARGUMENTS = {"model": "workshop-tiny", "source": "serving/tiny_model/weights/hf", "max_model_len": 1024}


class Mounted(Deployment):
    """One deployment of many, at its own path. All share and lose one engine. They report changes at once."""

    counted_within = ill_within = 5.0

    def __init__(self, server: Process, url: str, name: str) -> None:
        super().__init__(Service(f"{url}/{name}", patience=60), Service(url), ARGUMENTS)
        self._server = server

    def lose_engine(self) -> None:
        for process in psutil.Process(self._server.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                os.kill(process.pid, signal.SIGKILL)

    def is_ill(self) -> bool:
        return (self.service.get("/check_health").status or 0) >= 500


class AtItsStart(Mounted):
    """The same, with the metrics of an engine that nobody else has asked. It stands in for its cluster, too."""

    fresh = True

    def __init__(self, server: Process, url: str, name: str) -> None:
        super().__init__(server, url, name)
        self._numbers = Service(f"{url}/{name}/warmed_up")

    @property
    def cluster(self) -> Any:
        return self


Mount = Callable[..., Subject]


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mount]:
    """Returns the deployment of a given name. One process serves them all."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = Process(
        name="the wrong deployments",
        command=[
            str(PYTHON),
            *("-m", "tests.demo_6.mutant_server", str(CONFIGS / "by_hand.yaml"), "--port", str(port)),
        ],
        ready_url=f"{url}/health",
        output=tmp_path_factory.mktemp("mutants") / "printed.txt",
    )
    subjects: dict[str, Subject] = {}

    def mount(name: str, kind: type[Mounted] = Mounted) -> Subject:
        key = f"{name} {kind.__name__}"
        if key not in subjects:
            deployment = kind(server, url, name)
            subjects[key] = Subject(deployment.service, Configured(), deployment=deployment)
        return subjects[key]

    server.start(timeout=900)  # its imports take minutes on a busy machine
    try:
        yield mount
    finally:
        server.stop()
        for subject in subjects.values():
            subject.deployment.close()


@pytest.mark.parametrize("name", DEPLOYMENT[:-1])
@pytest.mark.parametrize("right", ["Right", "solved"])
def test_a_deployment_that_is_right_passes(right: str, name: str, mounted: Mount) -> None:
    result = run(CHECKLIST[name], mounted(right))
    assert result.status is Status.PASSED, report.failure(result)


@pytest.mark.parametrize("name", DEPLOYMENT[:-1])
def test_the_starter_fails_its_tasks_and_nothing_else(name: str, mounted: Mount) -> None:
    result = run(CHECKLIST[name], mounted("starter"))
    assert result.status is (Status.FAILED if name in TASKS else Status.PASSED), report.line(result)
    if name in TASKS:
        assert all([result.expected, result.got, result.curl]), result


@pytest.mark.parametrize("mutant", [name for name, lost in MUTANTS.items() if not lost & {"health", "warm"}])
def test_a_mutant_loses_the_points_of_its_fault_and_no_others(mutant: str, mounted: Mount) -> None:
    looked_at = (ALWAYS - LUCK.get(mutant, set())) | MUTANTS[mutant] | NEIGHBOURS.get(mutant, set())
    results = [run(check, mounted(mutant)) for check in CHECKLIST.checks if check.name in looked_at]
    lost = {result.check.name for result in results if result.status is Status.FAILED}
    assert lost == MUTANTS[mutant], "\n".join(map(report.failure, results))


@pytest.mark.parametrize("name", ["solved", "starter", "StartsCold", "WarmsUpOnce"])
def test_a_deployment_that_starts_cold_is_found_out(name: str, mounted: Mount) -> None:
    result = run(CHECKLIST["warm"], mounted(name, AtItsStart))
    assert result.status is (Status.PASSED if name == "solved" else Status.FAILED), report.failure(result)


# This is the last test that needs the engine, because all deployments lose it here.
@pytest.mark.parametrize(
    "name", ["Right", "solved", "starter", *(name for name, lost in MUTANTS.items() if "health" in lost)]
)
def test_a_deployment_that_hides_the_loss_of_its_engine_is_found_out(name: str, mounted: Mount) -> None:
    result = run(CHECKLIST["health"], mounted(name))
    wrong = name == "starter" or "health" in MUTANTS.get(name, set())
    assert result.status is (Status.FAILED if wrong else Status.PASSED), report.failure(result)


def test_every_check_of_a_deployment_is_lost_by_some_mutant() -> None:
    assert {*DEPLOYMENT, "warm"} == set().union(*MUTANTS.values())


def test_every_check_that_the_starter_fails_is_named_in_its_task() -> None:
    folder = ROOT / "demos" / "demo_6_ray_serve_vllm" / "exercise"
    tasks = (folder / "deployment.py").read_text()
    named = {name for line in tasks.splitlines() if "Check" in line for name in NAMES if name in line}
    assert named == TASKS | {"warm", "engine_gone"}


def test_there_are_twenty_points() -> None:
    assert sum(check.points for check in CHECKLIST.checks) == 20
