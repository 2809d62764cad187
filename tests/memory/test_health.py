"""GET /health of demo 5: what it shows, what it reports as wrong, and that it waits for nothing."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from shared.health.problems import what_is_wrong
from tests.memory.conftest import Gateway, Start
from tests.processes import listening_at
from tests.waiting import Stopwatch, wait_for
from workshop.grader.launch import SIMULATOR
from workshop.processes import free_port, model_server
from workshop.redis_server import RedisServer

AT_ONCE = 2.0  # seconds; waiting for something frozen would take longer, or for ever


def test_it_shows_each_part(demo_5: Gateway) -> None:
    before = demo_5.check("cache")["entries"]
    assert demo_5.ask().status == 200
    health = demo_5.health()
    assert (health["status"], health["wrong"]) == ("healthy", [])
    checks = health["checks"]
    assert checks.keys() >= {
        "providers",
        "http_client",
        "cache",
        "memory",
        "admission_queue",
        "circuit_breakers",
    }
    assert {check["status"] for check in checks.values()} == {"healthy"}
    assert (checks["providers"]["total"], checks["providers"]["reachable"]) == (1, 1)
    assert checks["providers"]["upstreams"]["primary"]["reachable"] is True
    assert checks["providers"]["upstreams"]["primary"]["last_answer_s"] < 60
    assert (checks["http_client"]["in_use"], checks["http_client"]["limit"]) == (0, 100)
    assert checks["http_client"]["open"] >= 1
    assert (checks["http_client"]["requests_total"] > 0, checks["http_client"]["error_rate"]) == (True, 0)
    assert checks["http_client"]["avg_response_time_ms"] > 0
    breakers = checks["circuit_breakers"]
    assert breakers["total"] == breakers["closed"] == len(breakers["breakers"]) >= 1
    assert breakers["open"] == breakers["half_open"] == 0
    assert checks["cache"]["entries"] == before + 1
    assert checks["cache"]["bytes"] > 0
    memory = checks["memory"]
    assert memory["state"] == "normal"
    assert 0 < memory["used_mb"] < memory["threshold_mb"] < memory["emergency_mb"]
    assert memory["available_mb"] == pytest.approx(memory["emergency_mb"] - memory["used_mb"], abs=0.2)
    assert memory["usage_percent"] == pytest.approx(100 * memory["used_mb"] / memory["emergency_mb"], abs=0.2)
    assert memory["leak_suspected"] is False


def test_it_asks_no_upstream(demo_5: Gateway) -> None:
    demo_5.ask()
    demo_5.subject.upstream.forget_calls()
    for _ in range(50):
        demo_5.health()
    assert demo_5.subject.upstream.received() == 0


def test_calls_in_flight_are_connections_in_use(demo_5: Gateway) -> None:
    with demo_5.subject.upstream.fault({"stall_after_tokens": 2}):
        with demo_5.subject.service.stream("/generate/stream", {"prompt": "Hola"}) as stream:
            assert stream.status == 200
            assert demo_5.check("http_client")["in_use"] == 1
        wait_for(lambda: demo_5.check("http_client")["in_use"] == 0, "the connection is free")


def test_the_loss_and_the_return_of_an_upstream_are_noticed(start: Start, tmp_path: Path) -> None:
    port = free_port()
    models = {"LOCAL_MODELS": SIMULATOR, "SIM_TTFT_MS": "0", "SIM_TPOT_MS": "0"}
    upstream = model_server(port=port, environment=models, output=tmp_path / "model.txt")
    with start(OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1", MODEL=SIMULATOR) as gateway:
        missed = ["the upstream primary does not answer"]
        wait_for(lambda: gateway.health()["wrong"] == missed, "the upstream has never been up")
        assert gateway.health()["status"] == "degraded"
        assert gateway.check("providers")["upstreams"]["primary"] == {"reachable": False, "last_answer_s": None}
        with upstream:
            assert gateway.ask().status == 200
            assert gateway.health()["status"] == "healthy", "a call has got an answer from it"
        gateway.ask()
        wait_for(lambda: gateway.health()["wrong"] == missed, "a call could not reach it")
        assert gateway.check("providers")["upstreams"]["primary"]["last_answer_s"] > 0


def seconds_to_answer(gateway: Gateway) -> float:
    stopwatch = Stopwatch(listening_at(gateway.subject.service.url).pid)
    assert gateway.subject.service.get("/health").status == 200
    return stopwatch.seconds


def test_it_answers_while_the_upstream_hangs_and_every_place_is_taken(start: Start) -> None:
    full = {"HTTP_MAX_CONNECTIONS": "2", "QUEUE_MAX_SIZE": "4", "UVICORN_LIMIT_CONCURRENCY": "6"}
    full |= {"QUEUE_TIMEOUT": "300", "TIMEOUT": "300"}  # however long a busy machine takes for the checks
    with start(**full) as gateway, ThreadPoolExecutor(6) as people, gateway.subject.upstream.held() as gate:
        asked = [people.submit(gateway.ask) for _ in range(6)]
        gate.wait_for(2)
        wait_for(lambda: gateway.check("admission_queue")["waiting"] == 4, "the queue is full")
        for _ in range(20):
            assert seconds_to_answer(gateway) < AT_ONCE
        gateway.subject.upstream.clear()
        assert [future.result().status for future in asked] == [200] * 6


@pytest.mark.parametrize("backend", ["memory", "redis"])
def test_it_answers_while_redis_is_frozen_and_reports_the_outage(start: Start, backend: str) -> None:
    with RedisServer() as redis, start(REDIS_URL=redis.url, CACHE_BACKEND=backend) as gateway:
        gateway.ask()
        assert gateway.health()["checks"]["redis"] == {"status": "healthy", "up": True}
        if backend == "redis":
            wait_for(lambda: gateway.check("cache")["entries"] is not None, "what is in Redis is counted")
        redis.freeze()
        try:
            assert seconds_to_answer(gateway) < AT_ONCE
            gateway.ask()
            wait_for(lambda: gateway.health()["wrong"] == ["redis does not answer"], "Redis is missed")
        finally:
            redis.thaw()
        wait_for(lambda: gateway.health()["status"] == "healthy", "Redis is back")


def test_the_earlier_demos_have_neither_checks_of_parts_nor_a_verdict(start: Start) -> None:
    with start("demos.demo_4_streaming.app:build", CIRCUIT_BREAKER_FAILURE_THRESHOLD="1") as gateway:
        with gateway.subject.upstream.fault({"status": 500}):
            gateway.ask()
        health = gateway.health()
        assert health["status"] == "healthy"
        assert "wrong" not in health
        assert health["checks"].keys() == {"admission_queue", "circuit_breakers"}


# --- the verdict -------------------------------------------------------------------------------------------------


WELL: dict[str, Mapping[str, Any]] = {
    "providers": {"upstreams": {"primary": {"reachable": True}, "other": {"reachable": None}}},
    "circuit_breakers": {"breakers": {"primary/a": {"state": "closed"}}},
    "memory": {"state": "warning", "leak_suspected": False},
    "redis": {"up": True},
    "admission_queue": {"slots": 1, "in_use": 1, "waiting": 100},
}


def test_busy_or_unknown_parts_are_not_wrong() -> None:
    assert what_is_wrong(WELL) == what_is_wrong({}) == {}


@pytest.mark.parametrize(
    ("name", "ill", "said"),
    [
        ("providers", {"upstreams": {"other": {"reachable": False}}}, "the upstream other does not answer"),
        ("circuit_breakers", {"breakers": {"primary/a": {"state": "open"}}}, "the circuit breaker primary/a is open"),
        (
            "circuit_breakers",
            {"breakers": {"primary/a": {"state": "half_open"}}},
            "the circuit breaker primary/a is half_open",
        ),
        ("memory", {"state": "shedding", "leak_suspected": False}, "memory is shedding"),
        ("memory", {"state": "normal", "leak_suspected": True}, "memory seems to leak"),
        ("redis", {"up": False}, "redis does not answer"),
    ],
)
def test_each_fault_is_named_at_its_part(name: str, ill: dict[str, object], said: str) -> None:
    assert what_is_wrong({**WELL, name: ill}) == {name: [said]}
