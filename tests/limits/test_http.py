"""The limits as clients see them: real processes, real connections, a real Redis that is killed and frozen."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.limits.crowd import Answer, Gateways, ask, crowd, gateways
from tests.waiting import Stopwatch, wait_for
from workshop.grader.launch import ModelServer, embedded_server
from workshop.processes import CannotStart
from workshop.redis_server import RedisServer

FOUR = 4
STEADFAST = {"REDIS_TIMEOUT": "60"}  # Redis is always up: only the machine may be too busy to run it
ROOMY = {"RATE_LIMIT_RPH": "1000000", "RATE_LIMIT_TPM": "100000000", "TIMEOUT": "100"}
WINDOW = 600  # seconds: even on a busy machine, no admission leaves the window during the test
WIDE = {**ROOMY, "RATE_LIMIT_WINDOW_SEC": str(WINDOW)}


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def assert_true_retry_after(answers: list[Answer], window: float) -> None:
    """No Retry-After ends before the first admission leaves the window, or after the last one does."""
    first = min(answer.started for answer in answers if answer.status == 200)
    last = max(answer.started + answer.took for answer in answers if answer.status == 200)
    for answer in answers:
        if answer.status == 429:
            wait = int(answer.headers["Retry-After"])
            assert answer.started + answer.took + wait >= first + window
            assert answer.started + wait <= last + window + 1


def test_one_worker_admits_exactly_the_limit_and_the_burst(model: ModelServer, tmp_path: Path) -> None:
    with gateways(1, model, tmp_path, **WIDE, RATE_LIMIT_RPM="60", RATE_LIMIT_BURST="5") as one:
        answers = asyncio.run(crowd(one, 300, seconds=2))
        assert statuses(answers) == {200: 65, 429: 235}
        assert_true_retry_after(answers, WINDOW)
        assert statuses(asyncio.run(crowd(one, 65, tenant="bea"))) == {200: 65}
        assert one.metric(0, 'gateway_rate_limit_refusals_total{limit="requests"}') == 235
        standing = json.loads(one.get(0, "/limits/ana"))
        assert standing["requests"]["remaining"] == 0
        assert standing["hour"]["remaining"] == 1_000_000 - 65


def test_four_workers_on_redis_admit_exactly_the_limit_and_the_burst(
    model: ModelServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    limits = {**WIDE, **STEADFAST, "RATE_LIMIT_RPM": "60", "RATE_LIMIT_BURST": "5", "REDIS_URL": redis_server.url}
    with gateways(FOUR, model, tmp_path, **limits) as four:
        answers = asyncio.run(crowd(four, 600, seconds=4))
        assert statuses(answers) == {200: 65, 429: 535}
        assert_true_retry_after(answers, WINDOW)
        assert statuses(asyncio.run(crowd(four, 65, tenant="bea"))) == {200: 65}, "ana's requests do not count for bea"
        assert all(four.metric(worker, "rate_limit_fallback_total") == 0 for worker in range(FOUR))


def test_the_workers_of_one_server_count_together(
    model: ModelServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    limits = {**WIDE, **STEADFAST, "RATE_LIMIT_RPM": "60", "REDIS_URL": redis_server.url, "UVICORN_WORKERS": "4"}
    with gateways(1, model, tmp_path, **limits) as server:
        assert statuses(asyncio.run(crowd(server, 300, tenant="lia", seconds=1))) == {200: 60, 429: 240}


@pytest.mark.parametrize("shared", [False, True])
def test_a_client_that_waits_as_long_as_told_is_admitted(
    model: ModelServer, redis_server: RedisServer, tmp_path: Path, shared: bool
) -> None:
    limits = {**ROOMY, **STEADFAST, "RATE_LIMIT_RPM": "5", "RATE_LIMIT_WINDOW_SEC": "1.5"}
    if shared:
        limits["REDIS_URL"] = redis_server.url

    async def scenario(one: Gateways) -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(3):
                while (answer := await ask(session, one, 0, "eva")).status == 200:
                    assert int(answer.headers["x-ratelimit-remaining-requests"]) < 5
                assert answer.status == 429
                assert answer.headers["x-ratelimit-remaining-requests"] == "0"
                assert '"requests";q=5;w=2' in answer.headers["RateLimit-Policy"]
                await asyncio.sleep(int(answer.headers["Retry-After"]))
                assert (await ask(session, one, 0, "eva")).status == 200

    with gateways(1, model, tmp_path, **limits) as one:
        asyncio.run(scenario(one))


@pytest.mark.prove
def test_redis_killed_under_load_costs_no_error_and_each_worker_grants_its_share(
    model: ModelServer, own_redis: RedisServer, tmp_path: Path
) -> None:
    limits = {**WIDE, **STEADFAST, "RATE_LIMIT_RPM": "40", "REDIS_URL": own_redis.url}
    with gateways(FOUR, model, tmp_path, **limits) as four:

        def kill_it_half_way(number: int) -> None:
            if number == 200:
                own_redis.kill()

        answers = asyncio.run(crowd(four, 400, seconds=2, meanwhile=kill_it_half_way))
        assert set(statuses(answers)) == {200, 429}
        alone = asyncio.run(crowd(four, 200, tenant="bea"))
        assert Counter(answer.gateway for answer in alone if answer.status == 200) == dict.fromkeys(range(FOUR), 10)
        assert {answer.headers["x-ratelimit-limit-requests"] for answer in alone} == {"10"}
        for worker in range(FOUR):
            assert four.metric(worker, "rate_limit_fallback_total") > 0
            assert four.metric(worker, "redis_up") == 0
            assert len(four.lines(worker, "grants 1/4 of each limit")) == 1
        own_redis.start()
        assert seconds_until_up(four) < 5
        asyncio.run(crowd(four, 40, tenant="eva"))
        assert statuses(asyncio.run(crowd(four, 40, tenant="eva"))) == {429: 40}, "the workers count together again"


@pytest.mark.prove
def test_a_frozen_redis_delays_nobody_for_long(model: ModelServer, own_redis: RedisServer, tmp_path: Path) -> None:
    limits = {**ROOMY, "RATE_LIMIT_RPM": "1000000", "REDIS_URL": own_redis.url}
    with gateways(FOUR, model, tmp_path, **limits) as four:
        asyncio.run(crowd(four, 100))  # opens the connections and loads the scripts

        def freeze_it(number: int) -> None:
            if number == 200:
                own_redis.freeze()

        before = asyncio.run(crowd(four, 600, connections=8, seconds=4))
        answers = asyncio.run(crowd(four, 600, connections=8, seconds=4, meanwhile=freeze_it))
        assert statuses(answers) == {200: 600}
        print(f"frozen Redis: p99 {p99(before) * 1000:.0f} ms before, {p99(answers) * 1000:.0f} ms while frozen")
        # The time that this machine takes without a frozen Redis is not our fault.
        assert max(answer.took for answer in answers) < 1 + max(answer.took for answer in before)
        assert p99(answers) < 0.15 + 2 * p99(before)
        own_redis.thaw()
        assert seconds_until_up(four) < 5


def p99(answers: list[Answer]) -> float:
    return sorted(answer.took for answer in answers)[int(len(answers) * 0.99)]


def seconds_until_up(four: Gateways) -> float:
    stopwatch = Stopwatch()
    wait_for(lambda: all(four.metric(worker, "redis_up") == 1 for worker in range(FOUR)), "all use Redis again")
    return stopwatch.seconds


def test_a_bad_override_stops_the_start_with_one_line(tmp_path: Path) -> None:
    nobody = ModelServer("http://127.0.0.1:9", "")
    with (
        pytest.raises(CannotStart, match=r"^RATE_LIMIT_OVERRIDES\['/generate'\]\['rpm'\]: .* it takes e\.g\."),
        gateways(1, nobody, tmp_path, RATE_LIMIT_OVERRIDES='{"/generate": {"rpm": 0}}'),
    ):
        pass
