"""A real Prometheus scrapes a real service under traffic, and recorded engines: all our queries have a result."""

from collections.abc import Iterator

import pytest

from tests.monitoring.promql import Asked, PrometheusAt, names, renamed
from tests.monitoring.questions import dashboards
from tests.monitoring.replay import PAGES

# The queries of the course's document.
OF_THE_DOCUMENT = {
    "p95": "histogram_quantile(0.95, sum(rate(inference_request_duration_ms_bucket[5m])) by (le))",
    "throughput": "rate(inference_requests_total[5m])",
    "error rate": "rate(inference_errors_5xx_total[5m]) / rate(inference_requests_total[5m])",
    "cache hit rate": "rate(inference_cache_hits_total[5m]) / "
    "(rate(inference_cache_hits_total[5m]) + rate(inference_cache_misses_total[5m]))",
}
# The prefixes of scraped metrics; `up` and recorded series are Prometheus's own.
COUNTED = ("gateway_", "inference_", "gen_ai_", "process_", "circuit_", "vllm:", "ray_", "haproxy_")

# Through Ray, a counter appears with its first event; these events had not happened when the page was recorded.
NEVER_HAPPENED = {"vllm:num_preemptions_total", "vllm:prefix_cache_hits_total"}


def rules(prometheus: PrometheusAt) -> Iterator[Asked]:
    for rule in prometheus.rules():
        yield Asked(f"the rule {rule['name']}", rule["query"], answers=rule["type"] == "recording")


@pytest.mark.parametrize("query", OF_THE_DOCUMENT.values(), ids=OF_THE_DOCUMENT)
def test_the_documents_queries_return_numbers(query: str, watched: PrometheusAt) -> None:
    assert watched.still_missing([Asked("the document", query)]) == []
    assert len(watched.numbers(query)) == 1


def test_every_panel_has_data(watched: PrometheusAt) -> None:
    asked = dashboards()
    assert len(asked) > 60
    assert watched.still_missing(asked) == []


def test_every_rule_finds_its_metrics(watched: PrometheusAt) -> None:
    asked = list(rules(watched))
    assert len(asked) > 50
    assert watched.still_missing(asked) == []
    assert [rule["lastError"] for rule in watched.rules() if rule["health"] != "ok"] == []


@pytest.mark.prove
def test_a_renamed_metric_would_be_noticed(watched: PrometheusAt) -> None:
    asked = [*dashboards(), *rules(watched)]
    assert watched.still_missing(asked) == []
    counted = {name for one in asked for name in names(one.query) if name.startswith(COUNTED)}
    assert len(counted) > 40
    for name in counted:
        mutants = [Asked(one.where, renamed(one.query, name), one.answers) for one in asked if name in names(one.query)]
        assert mutants
        for mutant in mutants:
            assert any(f"{name}_renamed" in line for line in watched.missing(mutant)), mutant


def test_vllm_under_ray_has_what_vllm_alone_has_and_the_embedded_server_has_less(watched: PrometheusAt) -> None:
    """Every vLLM name in our queries exists in both."""
    asked = {name for one in [*dashboards(), *rules(watched)] for name in names(one.query) if name.startswith("vllm:")}
    assert len(asked) > 15
    for job in ("ray", "vllm"):
        known = {series["__name__"] for series in watched.get("series", **{"match[]": f'{{job="{job}"}}'})}
        assert asked - known <= (NEVER_HAPPENED if job == "ray" else set())


def test_only_the_metrics_of_ray_that_we_use_are_kept(watched: PrometheusAt) -> None:
    told = PAGES["ray"].read_text()
    assert watched.still_missing([Asked("Ray", 'up{job="ray"} == 1')]) == []
    for dropped in ("ray_node_mem_used", "ray_serve_long_poll_latency_ms_bucket", "SessionName", "otel_scope_name"):
        assert dropped in told
        assert watched.get("series", **{"match[]": f'{{job="ray", __name__="{dropped}"}}'}) == []
        assert watched.get("series", **{"match[]": f'{{job="ray", {dropped}!=""}}'}) == []


def test_both_jobs_are_up_and_firing_alerts_have_complete_texts(watched: PrometheusAt) -> None:
    """With half of an upstream's calls failing, some alerts fire, and their texts have no gaps."""
    assert watched.still_missing([Asked("up", 'up{job="gateway"} == 1'), Asked("up", 'up{job="model"} == 1')]) == []
    assert watched.still_missing([Asked("alerts", 'ALERTS{alertname="UpstreamFails", alertstate="firing"}')]) == []
    for alert in watched.get("alerts")["alerts"]:
        for said in alert["annotations"].values():
            assert said
            assert "error expanding" not in said
            assert "{{" not in said
            assert "<no value>" not in said
