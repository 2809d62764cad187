"""The checks of gateway and cluster together, without a cluster: an embedded server that fails for a while replaces it.

Like a cluster without replicas, it accepts requests and does not answer.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from threading import Timer

import pytest

from workshop.grader import report
from workshop.grader.checks.demo_6 import CHECKLIST, SETTINGS
from workshop.grader.deployment import Cluster
from workshop.grader.grading import Status, run
from workshop.grader.launch import SIMULATOR, ModelServer, embedded_server, started
from workshop.grader.service import Service
from workshop.grader.upstream import Upstream
from workshop.serving_cluster import Replica

REFERENCE = "demos.demo_6_ray_serve_vllm.app:build"
GONE_SECONDS = 4.0
TIMES = {"TIMEOUT": "3", "TIMEOUT_MAX": "3", "TRY_TIMEOUT": "0.5", "CIRCUIT_BREAKER_TIMEOUT_SEC": "0.5"}
HANGS = {"latency_ms": 60_000}

MUTANTS = ("falls_back_to_nobody", "waits_for_the_cluster", "says_nothing_of_the_fallback")


class StandIn(Cluster):
    """A cluster of one replica, which dies and is replaced."""

    def __init__(self, server: ModelServer) -> None:
        self.service = Service(server.url)
        self._upstream = Upstream(server.url, key=server.key)
        self._replaced = 0
        self._coming_back: Timer | None = None

    def close(self) -> None:
        if self._coming_back:
            self._coming_back.join()
        self.service.close()
        self._upstream.close()

    def replicas(self) -> list[Replica]:
        return [Replica(f"replica-{self._replaced}", "llm", "RUNNING", None)]

    def kill_replicas(self) -> None:
        with ExitStack() as gone:
            gone.enter_context(self._upstream.fault(HANGS))
            self._coming_back = Timer(GONE_SECONDS, self._come_back, [gone.pop_all()])
        self._coming_back.start()

    def _come_back(self, gone: ExitStack) -> None:
        gone.close()
        self._replaced += 1


@pytest.fixture(scope="module")
def lost() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="module")
def beside() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.mark.parametrize("build", [REFERENCE, *(f"tests.demo_6.gateways:{name}" for name in MUTANTS)])
def test_a_gateway_that_loses_requests_is_found_out(build: str, lost: ModelServer, beside: ModelServer) -> None:
    models = {"MODEL": SIMULATOR, "OPENAI_API_KEY": lost.key, "FALLBACKS": f"{SIMULATOR}@{beside.url}/v1"}
    cluster = StandIn(lost)
    try:
        with started(build, beside, {**SETTINGS, **TIMES, **models}, deployment=cluster) as subject:
            result = run(CHECKLIST["replica_killed"], subject)
    finally:
        cluster.close()
    assert result.status is (Status.PASSED if build == REFERENCE else Status.FAILED), report.failure(result)
