"""One cluster for all tests of demo 6 that need one, a gateway in front of it, and a fallback that never fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo_6.deployed import Deployed
from tests.demo_6.question import MODEL
from workshop.grader.launch import ModelServer, embedded_server, started, trace_receiver
from workshop.grader.subject import Subject
from workshop.serving_cluster import PYTHON, free_ports, ray_serve

GATEWAY = "demos.demo_6_ray_serve_vllm.app:build"

# Only the subject of a test decides how a call ends, and recovery takes seconds.
SETTINGS = {
    "MODEL": MODEL,
    "OPENAI_API_KEY": "",
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_RPH": "1000000",
    "RATE_LIMIT_TPM": "100000000",
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "TIMEOUT": "60",
    "TRY_TIMEOUT": "5",
    "MAX_RETRIES": "2",
    "RETRY_DELAY": "0.1",
    "CIRCUIT_BREAKER_TIMEOUT_SEC": "2",
    "CIRCUIT_BREAKER_SUCCESS_THRESHOLD": "1",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that redeploy and finally stop the cluster run after all others that use it."""
    items.sort(key=lambda item: item.path == Path(__file__).with_name("test_demo_6.py"))


@pytest.fixture(scope="package")
def receiver() -> Iterator[str]:
    """The receiver of vLLM's spans."""
    with trace_receiver() as url:
        yield url


@pytest.fixture(scope="package")
def cluster(receiver: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """laptop.yaml: one replica, or two under load. Tests that change the deployment must run last."""
    if not PYTHON.exists():
        pytest.skip("Ray Serve and vLLM are not installed: make install-serving")
    port = free_ports()
    output: Path = tmp_path_factory.mktemp("cluster") / "ray-serve.txt"
    with ray_serve(port, environment={"SERVING_OTLP_ENDPOINT": receiver}, output=output) as process:
        yield Deployed(port, process)


@pytest.fixture(scope="package")
def beside() -> Iterator[ModelServer]:
    """The embedded server with the same small model: the gateway's fallback."""
    with embedded_server(settings={"LOCAL_MODELS": MODEL}) as server:
        yield server


@pytest.fixture(scope="package")
def gateway(cluster: Deployed, beside: ModelServer, receiver: str) -> Iterator[Subject]:
    environment = SETTINGS | {
        "OPENAI_BASE_URL": f"{cluster.url}/v1",
        "FALLBACKS": f"{MODEL}@{beside.url}/v1",
        "FALLBACK_API_KEYS": beside.key,
    }
    with started(GATEWAY, beside, environment, receiver=receiver) as subject:
        yield subject


@pytest.fixture(scope="package")
def without_fallback(cluster: Deployed, beside: ModelServer, receiver: str) -> Iterator[Subject]:
    """A gateway for tests that the engine itself must answer, however busy this machine is."""
    environment = SETTINGS | {"OPENAI_BASE_URL": f"{cluster.url}/v1", "TRY_TIMEOUT": "0"}
    with started(GATEWAY, beside, environment, receiver=receiver) as subject:
        yield subject
