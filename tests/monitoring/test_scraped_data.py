"""A real Prometheus scrapes a real service in traffic: whatever we ask of it has an answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.monitoring.grafana.__main__ import FOLDER
from shared.observe.panels import PANELS
from tests.monitoring.promql import Asked, PrometheusAt, names, renamed
from workshop.processes import ROOT

# As the course's document writes them.
OF_THE_DOCUMENT = {
    "p95": "histogram_quantile(0.95, sum(rate(inference_request_duration_ms_bucket[5m])) by (le))",
    "throughput": "rate(inference_requests_total[5m])",
    "error rate": "rate(inference_errors_5xx_total[5m]) / rate(inference_requests_total[5m])",
    "cache hit rate": "rate(inference_cache_hits_total[5m]) / "
    "(rate(inference_cache_hits_total[5m]) + rate(inference_cache_misses_total[5m]))",
}
# What we count ourselves; `up` and what the rules record are Prometheus' own.
COUNTED = ("gateway_", "inference_", "gen_ai_", "process_", "circuit_", "vllm:")
ONLY_VLLM = "(vLLM only)"
VLLM_METRICS = {
    line for line in (ROOT / "serving" / "monitoring" / "vllm_metrics.txt").read_text().splitlines() if line[0] != "#"
}


def panels(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each panel, under the heading of its row."""
    heading = ""
    for panel in json.loads(file.read_text())["panels"]:
        if panel["type"] == "row":
            heading = panel["title"]
        else:
            yield heading, panel


def drawn() -> Iterator[tuple[str, Asked]]:
    """What Grafana asks, under the heading of its row."""
    for file in sorted(FOLDER.glob("*.json")):
        for heading, panel in panels(file):
            for target in panel["targets"]:
                query = target["expr"].replace("$__rate_interval", "1m")
                yield heading, Asked(f"{file.stem}: {panel['title']}", query)


def of_the_page() -> Iterator[Asked]:
    """What the playground's dashboards ask."""
    for panel in PANELS:
        for line in panel.lines:
            yield Asked(f"the playground: {panel.title}", line.query.replace("$window", "1m"))


def dashboards() -> list[Asked]:
    return [*(asked for heading, asked in drawn() if ONLY_VLLM not in heading), *of_the_page()]


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


def test_every_rule_finds_what_it_is_about(watched: PrometheusAt) -> None:
    asked = list(rules(watched))
    assert len(asked) > 50
    assert watched.still_missing(asked) == []
    assert [rule["lastError"] for rule in watched.rules() if rule["health"] != "ok"] == []


def test_a_metric_that_was_renamed_would_be_found_out(watched: PrometheusAt) -> None:
    asked = [*dashboards(), *rules(watched)]
    assert watched.still_missing(asked) == []
    counted = {name for one in asked for name in names(one.query) if name.startswith(COUNTED)}
    assert len(counted) > 40
    for name in counted:
        mutants = [Asked(one.where, renamed(one.query, name), one.answers) for one in asked if name in names(one.query)]
        assert mutants
        for mutant in mutants:
            assert any(f"{name}_renamed" in line for line in watched.missing(mutant)), mutant


def test_what_only_vllm_has_is_asked_by_the_names_that_it_has() -> None:
    asked = {name for heading, one in drawn() if ONLY_VLLM in heading for name in names(one.query)}
    assert asked
    assert asked <= VLLM_METRICS


def test_vllm_has_all_that_the_embedded_server_is_asked_for() -> None:
    asked = {name for one in dashboards() for name in names(one.query) if name.startswith("vllm:")}
    assert asked
    assert asked <= VLLM_METRICS


def test_both_jobs_are_up_and_alerts_say_what_they_have_to_say(watched: PrometheusAt) -> None:
    """With half of an upstream's calls failing, some fire; their words have no hole in them."""
    assert watched.still_missing([Asked("up", 'up{job="gateway"} == 1'), Asked("up", 'up{job="model"} == 1')]) == []
    assert watched.still_missing([Asked("alerts", 'ALERTS{alertname="UpstreamFails", alertstate="firing"}')]) == []
    for alert in watched.get("alerts")["alerts"]:
        for said in alert["annotations"].values():
            assert said
            assert "error expanding" not in said
            assert "{{" not in said
            assert "<no value>" not in said
