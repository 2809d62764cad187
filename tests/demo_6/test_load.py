"""The load scenario of demo 6 against the real cluster: a spike comes, a replica more comes and goes, nobody is lost.

What each gate is there for, tests/loadtests/test_autoscaling.py shows without a cluster.
"""

import pytest

from loadtests.__main__ import SCENARIOS, run
from tests.demo_6.conftest import GATEWAY, SETTINGS
from tests.demo_6.deployed import Deployed
from tests.demo_6.question import MODEL
from workshop.grader.launch import ModelServer, started
from workshop.sidecars import TRY_SECONDS

GATES = 6


@pytest.mark.timeout(600)  # on a machine that has other things to do
def test_a_spike_brings_a_replica_more_which_goes_again_and_nothing_is_lost(
    cluster: Deployed, beside: ModelServer
) -> None:
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
