"""Actions that an administrator can start: they run in the worker that answers, and in all others."""

from collections.abc import Iterator
from functools import cache

import pytest

from tests.closed_port import dead_server
from tests.memory.conftest import Gateway, Start
from tests.waiting import wait_for
from workshop.grader.callers import Desk
from workshop.grader.service import Answer

CLEANUP, RESET = "/debug/memory/cleanup", "/debug/circuit-breakers/reset"
STATS = "/debug/stats"
WORKERS = 2


@pytest.fixture(scope="module")
def workers(start: Start) -> Iterator[Gateway]:
    """A service of several workers, whose breakers open at the first failure, with an upstream that is down."""
    with (
        dead_server() as url,
        start(
            OPENAI_BASE_URL=f"{url}/v1", UVICORN_WORKERS=str(WORKERS), CIRCUIT_BREAKER_FAILURE_THRESHOLD="1"
        ) as gateway,
    ):
        yield gateway


@cache
def token(desk: Desk, role: str) -> str:
    return desk.create(f"{role}-1", role=role).token


def post(gateway: Gateway, path: str, role: str) -> Answer:
    bearer = {"Authorization": f"Bearer {token(gateway.subject.desk, role)}"}
    return gateway.subject.service.post(path, {}, headers=bearer)


def ask_on_a_new_connection(gateway: Gateway) -> None:
    """Asks on a new connection, for which the kernel chooses a worker again."""
    gateway.subject.ask("Hola", headers={"Connection": "close"})


@pytest.mark.parametrize("path", [CLEANUP, RESET])
def test_only_administrators_may_use_the_debug_routes(demo_5: Gateway, path: str) -> None:
    assert demo_5.subject.service.post(path, {}).must_be_error(403)["code"] == "not_allowed"
    assert post(demo_5, path, "user").status == 403
    answer = post(demo_5, path, "admin")
    assert answer.status == 200, answer.summary
    assert answer.json["others"] == "there are none"


def test_statistics_are_for_administrators_and_answer_the_usual_questions(demo_5: Gateway) -> None:
    demo_5.ask()
    assert demo_5.subject.service.get(STATS).must_be_error(403)["code"] == "not_allowed"
    bearer = {"Authorization": f"Bearer {token(demo_5.subject.desk, 'admin')}"}
    stats = demo_5.subject.service.get(STATS, headers=bearer).json
    assert 0 <= stats["caches"]["response_cache"]["hit_rate"] <= 1
    assert stats["caches"]["summary_cache"]["entries"] == 0
    client = stats["performance"]["http_client"]
    assert client["requests_total"] == client["upstreams"]["primary"]["requests_total"] > 0
    assert client["upstreams"]["primary"]["under_way"] == 0
    assert {"status": "healthy", **stats["circuit_breakers"]} == demo_5.check("circuit_breakers")
    assert stats["memory"]["state"] == "normal"


def test_failures_of_the_upstream_are_in_the_error_rate_and_callers_who_leave_are_not(start: Start) -> None:
    with start(MAX_RETRIES="0") as gateway:
        assert gateway.ask().status == 200
        with gateway.subject.upstream.fault({"status": 400}):
            gateway.ask()
        assert gateway.check("http_client")["error_rate"] == 0
        with gateway.subject.upstream.fault({"status": 503}):
            gateway.ask()
        client = gateway.check("http_client")
        assert (client["requests_total"], client["error_rate"]) == (3, pytest.approx(1 / 3, abs=1e-3))
        assert gateway.metric("gateway_upstream_reply_seconds_count") == 3
        assert 0 < gateway.metric("gateway_upstream_reply_seconds_sum") < 60


def test_a_cleanup_empties_the_cache_and_says_what_it_freed(demo_5: Gateway) -> None:
    for _ in range(20):
        demo_5.ask()
    held, before = demo_5.check("cache"), demo_5.metric("gateway_memory_cleanups_total")
    assert held["entries"] >= 20
    freed = post(demo_5, CLEANUP, "admin").json["freed"]
    assert (freed["cache_entries"], freed["cache_bytes"]) == (held["entries"], held["bytes"])
    assert freed["rss_before_mb"] - freed["rss_after_mb"] == pytest.approx(freed["freed_mb"], abs=0.11)
    assert demo_5.check("cache")["entries"] == 0
    assert demo_5.metric("gateway_memory_cleanups_total") == before + 1


def test_a_reset_closes_the_breakers_of_all_workers(workers: Gateway) -> None:
    def all_are_open() -> bool:
        ask_on_a_new_connection(workers)
        return workers.metric("gateway_circuits_open") == WORKERS

    wait_for(all_are_open, "the breakers of all workers are open")
    answer = post(workers, RESET, "admin").json
    assert answer["closed"] == ["primary/workshop-sim"]
    assert answer["workers"] == WORKERS
    assert "follow within a second" in answer["others"]
    wait_for(lambda: workers.metric("gateway_circuits_open") == 0, "the breakers of all workers are closed")


def test_a_cleanup_reaches_all_workers(workers: Gateway) -> None:
    before = workers.metric("gateway_memory_cleanups_total")
    assert "follow within a second" in post(workers, CLEANUP, "admin").json["others"]
    wait_for(lambda: workers.metric("gateway_memory_cleanups_total") == before + WORKERS, "all have cleaned up")


def test_a_reset_breaker_forgets_its_failures(start: Start) -> None:
    with start(CIRCUIT_BREAKER_FAILURE_THRESHOLD="2") as gateway:
        with gateway.subject.upstream.fault({"status": 500}):
            gateway.ask(), gateway.ask()
            assert gateway.health()["status"] == "degraded"
            assert post(gateway, RESET, "admin").json["closed"] == ["primary/workshop-sim"]
            assert gateway.ask().status == 502, "the upstream is asked again, and one failure is not two"
        assert gateway.health()["status"] == "healthy"
        breaker = gateway.check("circuit_breakers")["breakers"]["primary/workshop-sim"]
        assert (breaker["state"], breaker["opened"]) == ("closed", 1)
