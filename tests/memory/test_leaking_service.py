"""A service that really leaks: it warns, empties its cache, refuses work, and recovers. It is never killed."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.memory.conftest import DEMO_5, LEAKING, Gateway, Start
from tests.processes import listening_at
from tests.waiting import wait_for
from workshop.processes import CannotStart, free_port, gateway

MEGABYTE = 1_000_000
OFTEN = {"MEMORY_CHECK_SECONDS": "0.05"}


def entries(cleanup: Mapping[str, Any]) -> int:
    """The number of cache entries that it dropped."""
    dropped: int = cleanup["cache_entries"]
    return dropped


def test_it_warns_then_empties_its_cache_then_refuses_work_and_recovers(start: Start) -> None:
    with start(LEAKING, MEMORY_THRESHOLD_MB="60", MEMORY_EMERGENCY_MB="100", **OFTEN) as gateway:
        service = gateway.subject.service
        for _ in range(50):
            assert gateway.ask().status == 200
        assert gateway.state() == "normal"
        assert gateway.check("cache")["entries"] == 50

        gateway.ask(leak_kb=45_000)
        gateway.wait_until_memory_is("warning")
        assert gateway.health()["status"] == "healthy"
        assert gateway.check("cache")["entries"] == 51
        assert gateway.metric("gateway_memory_pressure") == 1

        gateway.ask(leak_kb=22_000)
        gateway.wait_until_memory_is("shedding")
        cleanups = gateway.wait_until_said("memory_cleanup", lambda lines: sum(map(entries, lines)) >= 52)
        assert (entries(cleanups[0]), sum(map(entries, cleanups))) == (26, 52), "first a half, then the rest"
        assert gateway.check("cache")["entries"] == 0
        assert gateway.ask().status == 200, "a service that sheds still works"

        with service.stream("/generate/stream", {"prompt": "Hola", "max_tokens": 3000}) as stream:
            assert stream.status == 200
            gateway.ask(leak_kb=40_000)
            gateway.wait_until_memory_is("refusing")
            refused = gateway.ask()
            assert refused.must_be_error(503)["code"] == "memory_pressure"
            assert int(refused.headers["retry-after"]) >= 1
            assert service.get("/ready").status == 503
            stream.read()
            assert stream.data[-1] == "[DONE]", "calls in flight continue to their end"
        health = gateway.health()
        assert (health["status"], health["wrong"]) == ("degraded", ["memory is refusing"])
        assert gateway.metric("gateway_memory_pressure") == 3

        service.request("DELETE", "/leak")
        gateway.wait_until_memory_is("normal")
        assert gateway.ask().status == 200
        assert service.get("/ready").status == 200
        assert gateway.health()["status"] == "healthy"
        assert gateway.metric("gateway_memory_cleanups_total") >= 3
        changes = gateway.wait_until_said("memory_state", lambda lines: lines[-1]["state"] == "normal")
        states = [line["state"] for line in changes]
        assert states[:3] == ["warning", "shedding", "refusing"]
        assert states[3:] in (["normal"], ["warning", "normal"]), "one line per change"


def test_it_refuses_work_long_before_its_container_would_kill_it(start: Start) -> None:
    container_mb = 150
    with start(LEAKING, CONTAINER_MB=str(container_mb), MEMORY_CHECK_SECONDS="0.02") as gateway:
        process = listening_at(gateway.subject.service.url)
        bound = gateway.check("memory")["emergency_mb"] / 0.9 * MEGABYTE
        killed, over = threading.Event(), threading.Event()

        def kernel() -> None:
            while not over.is_set():
                if process.memory_info().rss > bound:
                    killed.set()
                    process.kill()
                over.wait(0.005)

        watching = threading.Thread(target=kernel)
        watching.start()
        try:
            with ThreadPoolExecutor(4) as people:
                answers = list(people.map(lambda _: gateway.ask(leak_kb=1000), range(2 * container_mb)))
        finally:
            over.set()
            watching.join()
        assert not killed.is_set()
        assert {answer.status for answer in answers} == {200, 503}
        assert gateway.state() == "refusing"
        [lowered] = gateway.wait_until_said("memory_thresholds_lowered")
        assert "this container has" in lowered["message"]


def test_only_the_leaking_service_of_two_is_suspected(start: Start) -> None:
    """Two services with the same load, one of which leaks a little with each call."""
    often = {"MEMORY_CHECK_SECONDS": "0.01", "CACHE_MAX_SIZE": "100"}
    with start(LEAKING, **often) as leaking, start(LEAKING, **often) as sound, ThreadPoolExecutor(2) as people:
        found = threading.Event()

        def keep_asking(gateway: Gateway, leak_kb: int) -> None:
            while not found.is_set():
                assert gateway.ask(leak_kb=leak_kb, max_tokens=1).status == 200
                found.wait(0.02)

        asking = [people.submit(keep_asking, leaking, 64), people.submit(keep_asking, sound, 0)]
        try:
            wait_for(lambda: leaking.check("memory")["leak_suspected"], "a leak is suspected")
            wait_for(lambda: sound.check("memory")["trend"] is not None, "the other one has a trend")
        finally:
            found.set()
        for done in asking:
            done.result()
        trend = leaking.check("memory")["trend"]
        assert trend["certainty"] > 0.95
        assert trend["bytes_per_minute"] > 0
        assert 32_000 <= trend["bytes_per_call"] <= 128_000
        assert leaking.health()["wrong"] == ["memory seems to leak"]
        [said] = leaking.wait_until_said("memory_leak_suspected")
        assert "a leak is suspected" in said["message"]
        assert not sound.check("memory")["leak_suspected"]
        assert not sound.said("memory_leak_suspected")


def test_thresholds_in_the_wrong_order_stop_the_start(tmp_path: Path) -> None:
    settings = {"MEMORY_THRESHOLD_MB": "200", "MEMORY_EMERGENCY_MB": "100", "LOG_FILE": "-"}
    printed = tmp_path / "printed.txt"
    with pytest.raises(CannotStart, match="MEMORY_THRESHOLD_MB=200: must not be over MEMORY_EMERGENCY_MB"):
        gateway(DEMO_5, port=free_port(), environment=settings, output=printed).start()
    assert len(printed.read_text().splitlines()) == 1
