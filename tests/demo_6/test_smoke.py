"""The real vLLM under a real Ray Serve, in the two tests that run for every change: it answers, and a replica dies.

All other faults, and the load that makes a cluster grow, are in test_demo_6.py and test_load.py.
"""

import pytest

from tests.demo_6.crowd import crowd
from tests.demo_6.deployed import Deployed, kill
from tests.demo_6.question import answers_rightly, wait_for_the_engine, wait_for_the_fallback
from workshop.grader.subject import Subject

pytestmark = pytest.mark.timeout(1200)  # the cluster starts while all the other tests run


def test_vllm_answers_rightly_through_ray_serve_and_the_gateway(gateway: Subject) -> None:
    answers_rightly(gateway)


def test_the_only_replica_is_killed_and_nobody_is_left_without_an_answer(cluster: Deployed, gateway: Subject) -> None:
    with crowd(gateway.service.url, whole=3, streams=0) as people:  # as many as one replica should take
        wait_for_the_engine(people)
        [replica] = cluster.wait_until_all_run(1)
        kill(replica.pid)
        wait_for_the_fallback(people)
        cluster.wait_until_all_run(1, besides=(replica,))
        wait_for_the_engine(people)
    assert not people.lost
