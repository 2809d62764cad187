"""The full deployment on one real cluster: it answers, grows and shrinks, and faults cost only what they must.

The tests run in the order of this file, and each leaves the cluster as the next one needs it.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from tests.demo_6 import conformance, graded
from tests.demo_6.crowd import Crowd, crowd
from tests.demo_6.deployed import RUNNING, Deployed, kill, wait_for
from tests.demo_6.question import MODEL, QUESTION, answers_rightly, wait_for_the_engine, wait_for_the_fallback
from tests.demo_6.seen import (  # noqa: F401  # imported at the top, so that they run first
    leads_into_vllm,
    test_every_panel_on_the_engine_has_numbers_to_draw,
    test_one_trace_leads_from_the_gateway_into_vllm,
    test_vllm_leaves_out_the_traces_that_the_gateway_leaves_out,
)
from workshop import serving_cluster
from workshop.grader.service import Answer, Service
from workshop.grader.subject import Subject
from workshop.serving_cluster import CONFIGS

pytestmark = pytest.mark.timeout(1200)  # the first test starts a cluster, and each of two replicas may take minutes

READ_WITHIN = 1.0  # seconds within which a reader on a busy machine reads what was sent earlier


def reads_what_may_be_asked(cluster: Deployed) -> None:
    """OpenAI's API has more than one form of a message, and clients use them all. Forms that it lacks are refused."""
    service = Service(cluster.url)

    def asked(*messages: Any) -> Answer:
        return service.post(
            "/v1/chat/completions", {"model": MODEL, "messages": messages, "max_tokens": 12, "temperature": 0}
        )

    text = {"type": "text", "text": QUESTION}
    picture = {"type": "image_url", "image_url": {"url": "http://localhost:1/picture.png"}}
    whole, parts = asked({"role": "user", "content": QUESTION}), asked({"role": "user", "content": [text]})
    assert whole.status == parts.status == 200, parts.summary
    assert whole.json["choices"][0]["message"]["content"] == parts.json["choices"][0]["message"]["content"]
    silent = asked({"role": "assistant"}, {"role": "user", "content": QUESTION})
    assert silent.status == 200, "a message that calls a tool needs no text"
    for refused in ([], [{"role": "user", "content": [text, picture]}], [{"role": "user", "content": ["text"]}]):
        given = asked(*refused)
        assert given.status == 400, given.summary
        assert given.json["error"]["message"], given.summary


@contextmanager
def twenty(gateway: Subject) -> Iterator[Crowd]:
    """Twenty people, six of whom read streams. When they leave, everybody must have got an answer or an error."""
    with crowd(gateway.service.url, whole=14, streams=6) as people:
        wait_for_the_engine(people)
        wait_for(lambda: any(one.in_the_middle for one in people.asked), "a stream has begun")
        yield people
    assert not people.lost


def test_the_real_model_answers_rightly(cluster: Deployed, without_fallback: Subject) -> None:
    answers_rightly(without_fallback)
    reads_what_may_be_asked(cluster)


def test_openais_clients_pass_the_conformance_suite(without_fallback: Subject) -> None:
    conformance.passes(without_fallback, MODEL, *conformance.BUILT)


@pytest.mark.parametrize("name", graded.GENTLE)
def test_the_reference_passes(name: str, cluster: Deployed, without_fallback: Subject) -> None:
    graded.passes(without_fallback, cluster.port, name)


# --- faults ------------------------------------------------------------------------------------------------------


def test_a_frozen_replica_is_not_waited_for_and_its_streams_go_on_when_it_thaws(
    cluster: Deployed, gateway: Subject
) -> None:
    with twenty(gateway) as people:
        frozen = cluster.running()
        for replica in frozen:
            kill(replica.pid, signal.SIGSTOP)
        wait_for_the_fallback(people)
        for replica in frozen:
            kill(replica.pid, signal.SIGCONT)
        wait_for_the_engine(people)
    assert not people.cut


def test_haproxy_comes_back_and_the_controller_is_not_missed(cluster: Deployed, gateway: Subject) -> None:
    with twenty(gateway) as people:
        for proxy in cluster.named("haproxy"):
            kill(proxy)
        wait_for_the_fallback(people)
        wait_for_the_engine(people)
        # While an actor works on a call, its title names that call too.
        [controller] = wait_for(lambda: cluster.named("ray::ServeController"), "the controller")
        killed = time.monotonic()
        kill(controller)
        wait_for(lambda: cluster.named("ray::ServeController") not in ([], [controller]), "another controller is there")
        wait_for(cluster.running, "and it knows the replicas")
        assert not [one for one in people.since(killed) if one.fallback], "no request goes through the controller"


def test_one_replica_is_killed_another_loses_its_engine_and_only_begun_streams_are_cut(
    cluster: Deployed, gateway: Subject
) -> None:
    with twenty(gateway) as people:
        one, other = cluster.wait_until_all_run(2)  # it has grown: twenty people are too many for one replica
        kill(one.pid)
        wait_for_the_engine(people)
        wait_for(lambda: people.streaming, "a stream from the other replica")
        kill(other.engine_pids[0])
        last = time.monotonic()
        cluster.wait_until_all_run(2, besides=(one, other))
        wait_for_the_engine(people)
    assert people.cut
    late = [
        f"{cut}; asked {cut.began - last:+.2f} s, first token {(cut.first_token or math.inf) - last:+.2f} s after it"
        for cut in people.cut
        if cut.began > last or not cut.first_token or cut.first_token > last + READ_WITHIN
    ]
    assert not late, "streams that had not begun when the last engine died could have been saved"


def test_running_streams_finish_while_the_cluster_shrinks(cluster: Deployed, gateway: Subject) -> None:
    with crowd(gateway.service.url, whole=0, streams=3) as people:
        cluster.wait_until_all_run(1)
    assert not people.lost
    assert not people.cut


# --- the other deployment ----------------------------------------------------------------------------------------


def redeploy_by_hand(cluster: Deployed) -> None:
    """Waits until all replicas are those of the other file. Does nothing if it is deployed already."""
    file = CONFIGS / "by_hand.yaml"
    if "by_hand" in cluster.import_path():
        return
    before = {one.id for one in cluster.replicas()}
    serving_cluster.redeploy(cluster.port, file)
    cluster.wait_for_replicas(
        lambda now: now and all(one.id not in before and one.state == RUNNING for one in now),
        f"all replicas are those of {file.name}",
    )


def test_a_redeploy_under_load_costs_nobody_an_answer(cluster: Deployed, gateway: Subject) -> None:
    with crowd(gateway.service.url, whole=3, streams=1) as people:  # as many as one replica should take
        redeploy_by_hand(cluster)
        wait_for_the_engine(people)
    assert not people.lost
    assert not people.cut


def test_the_deployment_by_hand_answers_rightly_too(cluster: Deployed, without_fallback: Subject) -> None:
    redeploy_by_hand(cluster)
    answers_rightly(without_fallback)
    reads_what_may_be_asked(cluster)
    leads_into_vllm(without_fallback, streamed=True)


def test_the_deployment_by_hand_passes_the_conformance_suite(cluster: Deployed, without_fallback: Subject) -> None:
    redeploy_by_hand(cluster)
    conformance.passes(without_fallback, MODEL, *conformance.BY_HAND)


def test_the_deployment_by_hand_passes_the_checks_too(cluster: Deployed, without_fallback: Subject) -> None:
    redeploy_by_hand(cluster)
    graded.passes(without_fallback, cluster.port, *graded.GENTLE)


def test_a_stopped_cluster_leaves_no_process_and_no_token(cluster: Deployed) -> None:
    mine = cluster.processes()
    cluster.process.stop()
    _, left = psutil.wait_procs(mine, timeout=0)
    assert not left
    assert not serving_cluster.token_file(cluster.port).exists()
