"""GET /metrics of one worker: it has every name, counts each request once, and tells our time from the upstream's."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.admitted import admitted
from tests.closed_port import dead_server
from tests.telemetry.gateway import Gateway, running
from tests.waiting import wait_for
from workshop.grader.launch import ModelServer
from workshop.grader.service import Answer
from workshop.grader.upstream import Upstream

# The names that dashboards, alerts and the document's queries use: they exist with 0 before the first request.
FROM_THE_START = {
    "inference_requests_total": "counter",
    "inference_errors_5xx_total": "counter",
    "inference_errors_4xx_total": "counter",
    "inference_cache_hits_total": "counter",
    "inference_cache_misses_total": "counter",
    "rate_limit_hits_total": "counter",
    "inference_request_duration_ms": "histogram",
    "inference_tokens_per_second": "gauge",
    "inference_queue_depth": "gauge",
    "inference_active_connections": "gauge",
    "inference_active_batches": "gauge",
    "inference_batch_size": "histogram",
    "process_uptime_seconds": "gauge",
    "process_cpu_percent": "gauge",
    "process_memory_bytes": "gauge",
    "process_memory_worst_bytes": "gauge",
    "gateway_overhead_seconds": "histogram",
    "gateway_queue_seconds": "histogram",
}
LABELLED = {
    "circuit_breaker_open_total",
    "gateway_requests_total",
    "gateway_request_duration_seconds",
    "gen_ai_server_time_to_first_token_seconds",
    "gen_ai_server_time_per_output_token_seconds",
    "gateway_tokens_total",
    "gateway_cost_usd_total",
    "gateway_cache_requests_total",
    "gateway_rate_limit_refusals_total",
    "gateway_retries_total",
    "gateway_fallbacks_total",
    "gateway_shed_total",
    "gateway_upstream_calls_total",
    "gateway_circuits_open",
    "gateway_tenant_requests_total",
    "gateway_tenant_tokens_total",
    "gateway_tenant_cost_usd_total",
    "gateway_tenant_refusals_total",
    "gateway_edge_refusals_total",
}


@pytest.fixture(scope="module")
def gateway(model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    # Nobody receives the traces: exemplars only need them to be sampled.
    with (
        dead_server() as nowhere,
        running(model_server, tmp_path_factory.mktemp("one"), OTLP_ENDPOINT=nowhere, TRACE_SAMPLE_RATIO="1") as gateway,
    ):
        yield gateway


TOGETHER = 0.3  # seconds


def ask(gateway: Gateway, prompt: str, path: str = "/generate", **more: object) -> Answer:
    return gateway.service.post(path, {"prompt": prompt, "max_tokens": 5, **more})


def test_every_name_is_there_from_the_start_and_those_without_labels_with_a_number(gateway: Gateway) -> None:
    scrape = gateway.scrape()
    assert FROM_THE_START.items() <= scrape.types.items()
    assert scrape.types.keys() >= LABELLED
    for name, kind in FROM_THE_START.items():
        assert scrape.count(f"{name}_count" if kind == "histogram" else name) == 1, name


def test_totals_without_labels_are_the_sums_of_those_that_have_some(gateway: Gateway, upstream: Upstream) -> None:
    before = gateway.scrape()
    for _ in range(2):
        ask(gateway, "twice the same", temperature=0)
    ask(gateway, "")
    with upstream.fault({"status": 500}):
        ask(gateway, "fails")
    after = gateway.scrape()

    def more(name: str) -> float:
        return after.sum(name) - before.sum(name)

    assert [more(f"inference_{name}_total") for name in ("requests", "errors_4xx", "errors_5xx")] == [4, 1, 1]
    assert [more(f"inference_cache_{name}_total") for name in ("hits", "misses")] == [1, 1]
    assert after.sum("inference_requests_total") == after.sum("gateway_requests_total")
    assert after.sum("inference_request_duration_ms_count") == after.sum("gateway_request_duration_seconds_count")
    in_ms, in_seconds = (after.sum(f"{name}_sum") for name in ("inference_request_duration_ms", DURATION))
    assert in_ms == pytest.approx(1000 * in_seconds)
    for ms, seconds in (("25.0", "0.025"), ("1000.0", "1.0"), ("+Inf", "+Inf")):
        whole = after.sum(f'inference_request_duration_ms_bucket{{le="{ms}"}}')
        assert whole == after.sum(f'{DURATION}_bucket{{le="{seconds}"}}')


DURATION = "gateway_request_duration_seconds"


def own_seconds(gateway: Gateway) -> tuple[float, float]:
    """The time of all requests so far, and the upstream's share of it."""
    scrape = gateway.scrape()
    whole = scrape.sum(f"{DURATION}_sum")
    return whole, whole - scrape.sum("gateway_overhead_seconds_sum")


def test_the_upstreams_time_is_not_counted_as_ours_even_between_tokens(gateway: Gateway, upstream: Upstream) -> None:
    tokens = 'gateway_tokens_total{direction="output"}'
    with upstream.fault({"latency_ms": 300}):
        _, before = own_seconds(gateway)
        ask(gateway, "late")
        assert own_seconds(gateway)[1] - before >= 0.3
    (_, before), made = own_seconds(gateway), gateway.count(tokens)
    with gateway.service.stream("/generate/stream", {"prompt": "one by one", "max_tokens": 300}) as stream:
        stream.read()
    made = gateway.count(tokens) - made
    assert made > 50
    # The simulator takes a millisecond per token, and we are busy during a part of it.
    assert own_seconds(gateway)[1] - before >= made * 0.001 / 2


def test_waiting_for_an_equal_calls_answer_counts_as_the_upstreams_time(gateway: Gateway, upstream: Upstream) -> None:
    (_, before), let_in = own_seconds(gateway), admitted(gateway.service)
    with upstream.held() as gate, ThreadPoolExecutor() as pool:
        first = pool.submit(ask, gateway, "together", temperature=0)
        gate.wait_for(1)
        second = pool.submit(ask, gateway, "together", temperature=0)
        wait_for(lambda: admitted(gateway.service) == let_in + 2, "both wait for the one answer")
        released = time.monotonic() + TOGETHER
        wait_for(lambda: time.monotonic() >= released, "they have waited together for a while")
        gate.release()
        assert first.result().status == 200
    assert second.result().headers["x-cache"] == "coalesced"
    assert own_seconds(gateway)[1] - before >= 2 * TOGETHER, "the second call's wait was counted as our time"


def test_each_try_at_an_upstream_is_counted_by_how_it_ended(gateway: Gateway, upstream: Upstream) -> None:
    def tries() -> dict[str, float]:
        scrape = gateway.scrape()
        calls = 'gateway_upstream_calls_total{upstream="primary",status="%s"}'
        return {how: scrape.sum(calls % how) for how in ("200", "503", "cut", "left")} | {
            "retries": scrape.sum('gateway_retries_total{upstream="primary"}')
        }

    before = tries()
    with upstream.fault({"status": 503, "times": 1}):
        assert ask(gateway, "second try").status == 200
    with upstream.fault({"reset": True, "times": 1}):
        assert ask(gateway, "reset, and again").status == 200
    with (
        upstream.fault({"cut_after_tokens": 2}),
        gateway.service.stream("/generate/stream", {"prompt": "cut", "max_tokens": 9}) as stream,
    ):
        stream.read()
    with (
        upstream.fault({"stall_after_tokens": 2}),
        gateway.service.stream("/generate/stream", {"prompt": "left", "max_tokens": 9}) as stream,
    ):
        stream.read(lambda stream: len(stream.events) > 0)
    expected = {"200": 2, "503": 1, "cut": 2, "left": 1, "retries": 2}
    wait_for(lambda: {how: now - before[how] for how, now in tries().items()} == expected, tries)


def test_a_batch_is_counted_with_its_prompts_and_each_of_them_as_a_call(gateway: Gateway, upstream: Upstream) -> None:
    before = gateway.scrape()
    with upstream.held() as gate, ThreadPoolExecutor() as pool:
        batch = pool.submit(gateway.service.post, "/generate/batch", {"prompts": ["uno", "dos", "tres"]})
        wait_for(lambda: gateway.count("inference_active_batches") == 1)
        assert gateway.count("inference_active_connections") == 1
        gate.release()
        upstream.clear()
        assert batch.result().status == 200
    after = gateway.scrape()
    assert after.sum("inference_active_batches") == after.sum("inference_active_connections") == 0
    calls = 'gateway_requests_total{endpoint="/generate/batch",status="200"}'
    sizes = [after.sum(name) - before.sum(name) for name in ("inference_batch_size_count", "inference_batch_size_sum")]
    assert [*sizes, after.sum(calls) - before.sum(calls)] == [1, 3, 3]


def test_time_to_first_token_and_time_per_token_are_measured_for_streams_only(gateway: Gateway) -> None:
    first, each = (f"gen_ai_server_time_{what}_seconds" for what in ("to_first_token", "per_output_token"))
    before = gateway.scrape()
    ask(gateway, "no stream")
    with gateway.service.stream("/generate/stream", {"prompt": "a stream", "max_tokens": 100}) as stream:
        stream.read()
    after = gateway.scrape()
    assert after.sum(f"{first}_count") - before.sum(f"{first}_count") == 1
    assert after.sum(f"{first}_sum") - before.sum(f"{first}_sum") >= 0.01  # the simulator's own time
    assert after.sum(f"{each}_count") - before.sum(f"{each}_count") == 1
    assert after.sum(f"{each}_sum") - before.sum(f"{each}_sum") >= 0.001 * 0.9


def test_a_tenant_is_a_user_and_all_strangers_are_one(gateway: Gateway) -> None:
    ana, poor = gateway.desk.create("ana"), gateway.desk.create("poor", budget_usd=0)
    before = gateway.scrape()
    gateway.service.post("/generate", {"prompt": "Hola", "max_tokens": 5}, headers=ana.headers)
    assert gateway.service.post("/generate", {"prompt": "Hola"}, headers=poor.headers).status == 429
    ask(gateway, "Hola de nadie")
    gateway.service.post("/generate", {"prompt": "Hola"}, headers={"Authorization": "Bearer made-up"})
    after = gateway.scrape()

    def more(what: str, tenant: str) -> float:
        name = f'gateway_tenant_{what}_total{{tenant="{tenant}"}}'
        return after.sum(name) - before.sum(name)

    assert [more("requests", tenant) for tenant in ("ana", "anonymous")] == [1, 2]
    assert [more("refusals", tenant) for tenant in ("ana", "anonymous", "other")] == [0, 1, 1]
    assert more("tokens", "ana") > 5
    assert more("cost_usd", "ana") > 0


def test_a_request_that_never_became_a_call_is_counted_at_the_edge(gateway: Gateway) -> None:
    refusals = 'gateway_edge_refusals_total{reason="headers_too_large"}'
    before, calls = gateway.count(refusals), gateway.count("gateway_requests_total")
    assert gateway.service.get("/", headers={"X-Long": "x" * 40_000}).status == 431
    assert (gateway.count(refusals) - before, gateway.count("gateway_requests_total") - calls) == (1, 0)


def test_in_openmetrics_buckets_lead_to_traces(gateway: Gateway) -> None:
    ask(gateway, "leads to its trace")
    answer = gateway.service.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    buckets = [line for line in answer.text.splitlines() if line.startswith(f"{DURATION}_bucket")]
    traces = {line.partition('# {trace_id="')[2][:32] for line in buckets if "trace_id" in line}
    assert traces
    wait_for(lambda: traces <= {line["trace_id"] for line in gateway.lines()})
    assert "trace_id" not in gateway.service.get("/metrics").text


def test_without_metrics_there_is_no_metrics_page(
    model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(model_server, tmp_path_factory.mktemp("off"), ENABLE_METRICS="false") as gateway:
        assert gateway.service.get("/metrics").status == 404
        assert "Metrics" not in [layer["name"] for layer in gateway.service.get("/").json["layers"]]
        assert ask(gateway, "Hola").status == 200


def test_where_tokens_are_required_only_prometheus_and_administrators_read_the_metrics(
    model_server: ModelServer, tmp_path: Path
) -> None:
    """They show users and their spend. A newline at the end of the token is what `echo` in a secret leaves."""
    with running(model_server, tmp_path, API_KEYS_REQUIRED="true", METRICS_TOKEN="of-prometheus\n") as gateway:
        service, ana, root = gateway.service, gateway.desk.create("ana"), gateway.desk.create("root", role="admin")

        def status(path: str, token: str) -> int | None:
            return service.get(path, headers={"Authorization": f"Bearer {token}"}).status

        assert service.get("/metrics").status == 401
        tokens = ("anonymous", "wrong", "of-prometheus", ana.token, root.token)
        assert [status("/metrics", token) for token in tokens] == [401, 401, 200, 403, 200]
        assert service.get("/metrics", headers={"Authorization": "BEARER of-prometheus"}).status == 200
        assert status("/usage", "of-prometheus") == 401, "it is for nothing else"
        answer = service.post("/generate", {"prompt": "Hola"}, headers={"Authorization": "Bearer of-prometheus"})
        assert answer.status == 401
