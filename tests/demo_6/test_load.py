"""The load scenario of demo 6 on the real cluster: a spike adds a replica, which leaves again, and no request is lost.

tests/loadtests/test_autoscaling.py shows, without a cluster, what each gate is for.
"""

import pytest

from loadtests.__main__ import SCENARIOS, run
from tests.demo_6.conftest import GATEWAY, SETTINGS
from tests.demo_6.deployed import Deployed
from tests.demo_6.question import MODEL
from workshop.grader.launch import ModelServer, started
from workshop.sidecars import TRY_SECONDS

GATES = 6


@pytest.mark.timeout(600)  # on a busy machine
def test_a_spike_adds_a_replica_for_a_while_and_no_request_is_lost(cluster: Deployed, beside: ModelServer) -> None:
    environment = SETTINGS | {
        "OPENAI_BASE_URL": f"{cluster.url}/v1",
        "FALLBACKS": f"{MODEL}@{beside.url}/v1",
        "FALLBACK_API_KEYS": beside.key,
        "TRY_TIMEOUT": TRY_SECONDS,
    }
    with started(GATEWAY, beside, environment) as subject:
        report = run(SCENARIOS[6], subject.service.url, serving_port=cluster.port)
    failed = [gate for gate in report["gates"] if not gate["passed"]]
    assert not failed, report
    assert len(report["gates"]) == GATES, report
