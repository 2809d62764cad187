"""GET /metrics of four workers: any worker reports all of them, and the counts equal the log, to the token."""

import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from tests.leaving import asking
from tests.telemetry.gateway import Gateway, running
from tests.waiting import wait_for
from workshop.grader.exposition import Scrape
from workshop.grader.launch import SIMULATOR, ModelServer
from workshop.grader.upstream import Upstream
from workshop.grader.verdict import Failed

WORKERS = 4
AT_ONCE = 8
STREAM = "/generate/stream"


@pytest.fixture(scope="module")
def gateway(model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = {
        "UVICORN_WORKERS": str(WORKERS),
        "RATE_LIMIT_OVERRIDES": '{"/summarize": {"rpm": 4}}',  # one per worker
        "MAX_RETRIES": "2",  # retries outlast the upstream's two 429s below: only our own limits show as hits
        "TIMEOUT": "5",
        "TIMEOUT_MAX": "5",
    }
    with running(model_server, tmp_path_factory.mktemp("four"), **settings) as gateway:
        wait_for(lambda: gateway.count("process_memory_bytes") > 0)
        yield gateway


def logged(lines: list[dict[str, Any]]) -> Mapping[str, float]:
    """The log's numbers, counted by hand."""
    counts: Counter[str] = Counter()
    for line in lines:
        counts["inference_requests_total"] += 1
        counts[f'gateway_requests_total{{endpoint="{line["endpoint"]}",status="{line["status"]}"}}'] += 1
        counts[f'gateway_request_duration_seconds_count{{endpoint="{line["endpoint"]}"}}'] += 1
        counts["inference_errors_4xx_total"] += 400 <= line["status"] < 500
        counts["inference_errors_5xx_total"] += line["status"] >= 500
        counts["rate_limit_hits_total"] += line["error"] in ("rate_limit_exceeded", "tokens_limit_exceeded")
        counts["gateway_retries_total"] += line["retries"]
        for result in ("hit", "bypass"):
            name = f'gateway_cache_requests_total{{tier="memory",result="{result}"}}'
            counts[name] += line.get("cache") == result
        for direction in ("input", "output"):
            name = f'gateway_tokens_total{{model="{SIMULATOR}",direction="{direction}"}}'
            counts[name] += line[f"tokens_{direction}"]
        counts["tokens of all models"] += line["tokens_total"]
        counts["dollars"] += line["cost_usd"]
    return counts


def counted(scrape: Scrape, names: Mapping[str, float]) -> Mapping[str, float]:
    return {name: scrape.sum(name) for name in names} | {
        "tokens of all models": scrape.sum("gateway_tokens_total"),
        "dollars": scrape.sum("gateway_cost_usd_total"),
    }


def all_that_can_happen(gateway: Gateway, upstream: Upstream) -> None:
    ana = gateway.desk.create("ana").headers
    post, stream = gateway.service.post, gateway.service.stream

    def each(prompts: int, path: str = "/generate", **more: Any) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda n: post(path, {"prompt": f"{n % 7} times", "max_tokens": 20, **more}), range(prompts)))

    each(30)
    each(40, temperature=0)  # hits, and answers that share a flight
    each(12, path="/summarize", text="What shall be shorter.")
    each(3, prompt="")
    each(3, model="made-up", headers=ana)
    post("/v1/chat/completions", {"messages": [], "model": SIMULATOR})
    post("/generate", {"prompt": "Hola"}, headers={"Authorization": "Bearer made-up"})
    post("/generate/batch", {"prompts": ["uno", "", "tres"]}, headers=ana)
    for _ in range(4):
        with stream(STREAM, {"prompt": "to the end", "max_tokens": 20}) as whole:
            whole.read()
    with upstream.fault({"cut_after_tokens": 3, "times": 3}):
        for _ in range(3):
            with stream(STREAM, {"prompt": "cut", "max_tokens": 20}) as cut:
                cut.read()
    with upstream.fault({"stall_after_tokens": 3, "times": 3}):
        for _ in range(3):
            with stream(STREAM, {"prompt": "left", "max_tokens": 20}) as left:
                left.read(lambda stream: bool(stream.data))  # one event may hold the whole text so far
    with upstream.held() as gate:
        with asking(gateway.service.url, "/generate", {"prompt": "gone before the answer"}):
            gate.wait_for(1)
        post("/generate", {"prompt": "no answer in time"})
    with upstream.fault({"status": 500}):
        each(4)
    with upstream.fault({"status": 429, "times": 2}):
        each(2)


def test_every_logged_request_is_counted_exactly_once(gateway: Gateway, upstream: Upstream) -> None:
    all_that_can_happen(gateway, upstream)
    endings = {"finished", "failed", "cut", "left"}
    wait_for(lambda: {line["outcome"] for line in gateway.lines()} == endings, lambda: gateway.lines()[-5:])

    def difference() -> Mapping[str, Any]:
        log = logged(gateway.lines())
        metrics = counted(gateway.scrape(), log)
        return {name: (log[name], metrics[name]) for name in log if abs(log[name] - metrics[name]) > 1e-9}

    wait_for(lambda: not difference(), lambda: f"(logged, counted): {difference()}")
    total = logged(gateway.lines())
    statuses = {line["status"] for line in gateway.lines()}
    assert statuses >= {200, 400, 401, 404, 422, 429, 499, 502, 504}, "not everything has happened that can happen"
    assert min(total[name] for name in ("rate_limit_hits_total", "gateway_retries_total", "dollars")) > 0
    assert total['gateway_cache_requests_total{tier="memory",result="hit"}'] > 0


def test_every_worker_reports_the_same_totals(gateway: Gateway) -> None:
    told = set[float]()
    for _ in range(12):  # any worker may accept the connection
        answer = gateway.service.get("/metrics", headers={"Connection": "close"})
        told.add(Scrape(answer).sum("inference_requests_total"))
    assert len(told) == 1


def test_memory_is_that_of_all_workers(gateway: Gateway) -> None:
    def resident() -> list[int]:
        return [worker.memory_info().rss for worker in gateway.workers()]

    wait_for(lambda: gateway.count("process_memory_bytes") == pytest.approx(sum(resident()), rel=0.1))
    wait_for(lambda: gateway.count("process_memory_worst_bytes") == pytest.approx(max(resident()), rel=0.1))


def test_tokens_a_second_are_those_of_all_workers(gateway: Gateway) -> None:
    tokens = 'gateway_tokens_total{direction="output"}'
    before = gateway.count(tokens)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda n: gateway.service.post("/generate", {"prompt": f"count {n}"}), range(40)))
    made = gateway.count(tokens) - before
    # A worker looks back over ten seconds, or over fewer if it has just started.
    wait_for(lambda: gateway.count("inference_tokens_per_second") >= made / 10 * 0.9)


def test_a_worker_that_dies_leaves_its_counts_and_takes_its_gauges(gateway: Gateway, upstream: Upstream) -> None:
    port = int(gateway.service.url.rpartition(":")[2])
    body = b'{"prompt": "never ends"}'
    head = f"POST {STREAM} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    def serving(worker: psutil.Process) -> int:
        ours = {client.getsockname()[1] for client in clients}  # without those that earlier tests keep alive
        return sum(bool(c.raddr) and c.raddr.port in ours for c in worker.net_connections("tcp"))

    def active() -> float | None:
        try:
            return gateway.count("inference_active_connections")
        except Failed:
            return None  # the dead worker had accepted this scrape

    requests = gateway.count("inference_requests_total")
    with upstream.fault({"stall_after_tokens": 2}), ExitStack() as crowd:
        clients = [crowd.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(24)]
        for client in clients:
            client.sendall(head + body)
        wait_for(lambda: gateway.count("inference_active_connections") == 24)
        victim = max(gateway.workers(), key=serving)
        others = 24 - serving(victim)  # none, if only this worker got a core
        victim.kill()
        wait_for(lambda: active() == others, lambda: f"{active()} active, {others} served by others")
    wait_for(
        lambda: victim.pid not in [worker.pid for worker in gateway.workers()] and len(gateway.workers()) == WORKERS
    )
    wait_for(lambda: active() == 0)
    assert gateway.count("inference_requests_total") >= requests


def test_the_workers_folder_is_gone_when_the_service_is(
    model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(model_server, tmp_path_factory.mktemp("two"), UVICORN_WORKERS="2") as gateway:
        (folder,) = gateway.temporary.glob("llm-service-metrics-*")
        assert list(folder.glob("*.db"))
    assert not folder.exists()
