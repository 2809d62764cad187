"""Tests of demo 5's checks: the reference passes them all; the starter and each mutant fail those that they must."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exams import Exam, Start
from workshop.grader.checks.demo_5 import CHECKLIST
from workshop.grader.grading import Status, run
from workshop.grader.launch import ModelServer, started
from workshop.grader.service import Service
from workshop.grader.subject import Configured, Subject
from workshop.processes import ROOT

REFERENCE = "demos.demo_5_observability.app:build"
EXERCISE = "demos.demo_5_observability.exercise.app:build"
NAMES = [check.name for check in CHECKLIST.checks]

# The checks of the parts that the attendee writes.
TASKS = {"first_token", "bounded_labels", "cost_alert", "business_metric"}

# The checks that each mutant must fail. It must pass those close to its fault, and those that every service must pass.
MUTANTS: dict[str, set[str]] = {
    "forgets_a_name": {"metric_names"},
    "calls_seconds_milliseconds": {"metric_names"},
    "labels_the_totals": {"metric_names"},
    "counts_tries": {"requests_counted", "errors_by_class"},
    "misses_answers_from_the_cache": {"requests_counted", "tokens_and_cost"},
    "takes_leavers_for_errors": {"errors_by_class"},
    "takes_broken_streams_for_answers": {"errors_by_class"},
    "counts_no_hits_of_limits": {"errors_by_class"},
    "costs_nothing": {"tokens_and_cost"},
    "counts_no_tokens_of_streams": {"tokens_and_cost"},
    "counts_no_tokens_of_who_leaves": {"tokens_and_cost"},
    "takes_shared_answers_for_misses": {"cache_counted"},
    "takes_bypasses_for_misses": {"cache_counted"},
    "times_no_queueing": {"queueing_counted"},
    "shows_no_queue": {"queueing_counted"},
    "times_the_first_token_at_the_end": {"first_token"},
    "times_first_tokens_that_nobody_saw": {"first_token"},
    "times_first_tokens_in_milliseconds": {"first_token"},
    "times_first_tokens_without_the_queue": {"first_token"},
    "times_first_tokens_without_the_retries": {"first_token"},
    "times_first_tokens_without_the_model": {"first_token"},
    "times_first_tokens_twice": {"first_token"},
    "times_no_first_token_of_who_breaks_off": {"first_token"},
    "times_no_first_token_of_who_is_left": {"first_token"},
    "times_first_tokens_that_never_came": {"first_token"},
    "labels_first_tokens_with_who_was_asked": {"first_token"},
    "labels_all_first_tokens_alike": {"first_token"},
    "makes_a_label_of_whatever_is_asked_for": {"bounded_labels"},
    "never_counts_an_open_breaker": {"errors_by_class"},
    "labels_whatever_is_asked_for": {"bounded_labels"},
    "labels_paths": {"bounded_labels"},
    "counts_in_each_worker_alone": {"several_workers"},
    "has_no_spans_of_layers": {"trace_layers"},
    "puts_layers_side_by_side": {"trace_layers"},
    "ends_a_streams_trace_too_early": {"trace_layers"},
    "tells_no_tokens_in_traces": {"trace_layers"},
    "has_a_span_for_each_try": {"trace_retries"},
    "joins_no_trace": {"trace_context"},
    "hands_nothing_on": {"trace_context"},
    "hands_on_what_came": {"trace_context"},
    "tells_the_log_no_trace": {"trace_told"},
    "finds_no_trace_failed": {"trace_told"},
    "asks_its_upstream_how_it_is_itself": {"health"},
    "hangs_with_its_upstream": {"health"},
    "says_nothing_of_its_memory": {"health"},
    "lets_everybody_debug": {"debug_routes"},
    "lets_every_user_debug": {"debug_routes"},
    "resets_no_breaker": {"debug_routes"},
    "takes_webhooks_of_any_age": {"webhook_signature"},
    "compares_the_beginning_of_signatures": {"webhook_signature"},
    "believes_whoever_signs": {"webhook_signature"},
    "takes_webhooks_again": {"webhook_once"},
    "lets_every_page_in": {"cors"},
    "lets_pages_in_by_how_they_begin": {"cors"},
    "has_no_cors_for_errors": {"cors"},
}

QUICK = {"metric_names", "requests_counted", "tokens_and_cost", "webhook_signature", "webhook_once", "cors"}
ALWAYS = {"requests_counted", "cors"}

# Checks close to a mutant's fault, which it must pass nevertheless.
NEIGHBOURS: dict[str, set[str]] = {
    "forgets_a_name": {"tokens_and_cost"},
    "calls_seconds_milliseconds": {"queueing_counted"},
    "labels_the_totals": {"tokens_and_cost"},
    "counts_tries": {"tokens_and_cost", "cache_counted"},
    "misses_answers_from_the_cache": {"cache_counted"},
    "takes_leavers_for_errors": {"tokens_and_cost"},
    "takes_broken_streams_for_answers": {"tokens_and_cost", "first_token"},
    "counts_no_hits_of_limits": {"metric_names"},
    "costs_nothing": {"metric_names", "cache_counted"},
    "counts_no_tokens_of_streams": {"errors_by_class"},
    "counts_no_tokens_of_who_leaves": {"errors_by_class"},
    "takes_shared_answers_for_misses": {"tokens_and_cost"},
    "takes_bypasses_for_misses": {"tokens_and_cost"},
    "times_no_queueing": {"first_token"},
    "times_the_first_token_at_the_end": {"tokens_and_cost"},
    "times_first_tokens_that_nobody_saw": {"tokens_and_cost"},
    "labels_whatever_is_asked_for": {"errors_by_class"},
    "labels_paths": {"metric_names"},
    "counts_in_each_worker_alone": {"tokens_and_cost"},
    "has_no_spans_of_layers": {"trace_retries"},
    "has_a_span_for_each_try": {"trace_context"},
    "joins_no_trace": {"trace_retries"},
    "tells_the_log_no_trace": {"trace_retries"},
    "finds_no_trace_failed": {"trace_retries"},
    "lets_every_user_debug": {"errors_by_class"},
    "takes_webhooks_of_any_age": {"webhook_once"},
    "compares_the_beginning_of_signatures": {"webhook_once"},
    "believes_whoever_signs": {"webhook_once"},
    "takes_webhooks_again": {"webhook_signature"},
}

RULE = """
groups:
  - name: cost
    rules:
      - {{alert: {name}, expr: '{expr}', for: {lasts}, labels: {{severity: page}}}}
"""
PACE = "sum(rate(gateway_cost_usd_total[10m])) * 3600 > 6"

# Alerts with one fault each: an expression, and how long it must hold.
WRONG_ALERTS = {
    "counts from the beginning": ("sum(gateway_cost_usd_total) > 6", "5m"),
    "sees each model by itself": ("rate(gateway_cost_usd_total[10m]) * 3600 > 6", "5m"),
    "sees the dearest model alone": ("max(rate(gateway_cost_usd_total[10m])) * 3600 > 6", "5m"),
    "takes seconds for hours": ("sum(rate(gateway_cost_usd_total[10m])) > 6", "5m"),
    "is startled by a minute": ("sum(rate(gateway_cost_usd_total[1m])) * 3600 > 6", "0s"),
    "needs an hour to be sure": (PACE, "1h"),
    "remembers for six hours": ("sum(increase(gateway_cost_usd_total[6h])) > 1", "5m"),
    "takes any change for spending": ("abs(sum(delta(gateway_cost_usd_total[10m]))) * 6 > 6", "5m"),
    "is never quiet": ("vector(1)", "0s"),
    "fires at a sixth of the budget": ("sum(rate(gateway_cost_usd_total[10m])) * 3600 > 1", "5m"),
    "is always quiet": ("sum(rate(gateway_cost_usd_total[10m])) * 3600 > 600", "5m"),
    "cannot be read": ("sum(rate(gateway_cost_usd_total[10m])", "5m"),
}

METRIC = """
groups:
  - name: business
    rules:
      - {{record: "anomaly:level", expr: '{expr}', labels: {{{labels}}}}}
"""
BUSY = "and sum(rate(inference_requests_total[5m])) > 0.1"
COST, COUNT = "sum(rate(gateway_cost_usd_total[5m]))", "sum(rate(inference_requests_total[5m]))"
NAMED, ABOVE = "anomaly_name: cost_per_request", "anomaly_direction: above"

# Business metrics with one fault each: an expression, and labels.
WRONG_METRICS = {
    "is the average of a lifetime": (f"sum(gateway_cost_usd_total) / sum(inference_requests_total) {BUSY}", ABOVE),
    "is the bill": (f"{COST} * 3600 {BUSY}", ABOVE),
    "is weighed by the bill": (f"{COST} * {COST} / {COUNT} {BUSY}", ABOVE),
    "divides model by model": (
        f"sum by (model) (rate(gateway_cost_usd_total[5m])) / on () group_left () {COUNT}",
        ABOVE,
    ),
    "divides what does not match": ("rate(gateway_cost_usd_total[5m]) / rate(inference_requests_total[5m])", ABOVE),
    "is startled by good news": (f"{COST} / {COUNT} {BUSY}", "anomaly_direction: both"),
    "looks at good news alone": (f"{COST} / {COUNT} {BUSY}", "anomaly_direction: below"),
    "takes two requests seriously": (f"{COST} / {COUNT}", ABOVE),
    "is upside down": (f"{COUNT} / {COST} {BUSY}", ABOVE),
    "needs hours to move": (
        "sum(increase(gateway_cost_usd_total[3h])) / sum(increase(inference_requests_total[3h]))",
        ABOVE,
    ),
    "has no end": (f"{COST} / ({COUNT}", ABOVE),
}


class TestDemo5(Exam):
    checklist = CHECKLIST
    reference = REFERENCE
    exercise = EXERCISE
    solved = "tests.demo_5.solved:build"
    mutants_in = "tests.demo_5.mutants"
    tasks = TASKS
    looked_at_when_solved = TASKS | QUICK
    mutants = MUTANTS
    near = NEIGHBOURS
    always = ALWAYS
    lost_elsewhere = frozenset({"cost_alert", "business_metric"})  # by the rules below


def with_rules(folder: Path, name: str, rules: str) -> Subject:
    """A service with these rules beside its source."""
    (folder / name).write_text(rules)
    return Subject(Service("http://localhost:8000"), Configured(), folder=folder)


@pytest.mark.parametrize("wrong", WRONG_ALERTS)
def test_an_alert_that_is_wrong_is_found_out(wrong: str, tmp_path: Path) -> None:
    expr, lasts = WRONG_ALERTS[wrong]
    subject = with_rules(tmp_path, "cost_alert.yml", RULE.format(name="CostBurnsTooFast", expr=expr, lasts=lasts))
    result = run(CHECKLIST["cost_alert"], subject)
    assert result.status is Status.FAILED
    assert "promtool" in result.curl


def test_an_alert_with_another_name_does_not_count(tmp_path: Path) -> None:
    subject = with_rules(tmp_path, "cost_alert.yml", RULE.format(name="Expensive", expr=PACE, lasts="5m"))
    assert run(CHECKLIST["cost_alert"], subject).status is Status.FAILED


@pytest.mark.parametrize("wrong", WRONG_METRICS)
def test_a_business_metric_that_is_wrong_is_found_out(wrong: str, tmp_path: Path) -> None:
    expr, labels = WRONG_METRICS[wrong]
    subject = with_rules(tmp_path, "business.yml", METRIC.format(expr=expr, labels=f"{NAMED}, {labels}"))
    result = run(CHECKLIST["business_metric"], subject)
    assert result.status is Status.FAILED
    assert "promtool" in result.curl


def test_a_business_metric_with_another_name_does_not_count(tmp_path: Path) -> None:
    rules = METRIC.format(expr=f"{COST} / {COUNT} {BUSY}", labels=f"anomaly_name: mine, {ABOVE}")
    subject = with_rules(tmp_path, "business.yml", rules)
    assert run(CHECKLIST["business_metric"], subject).status is Status.FAILED


@pytest.mark.parametrize("check", ["cost_alert", "business_metric"])
def test_without_promtool_nobody_loses_the_point_of_a_rule(
    check: str, service: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = service(EXERCISE)
    monkeypatch.setenv("PATH", "")
    result = run(CHECKLIST[check], subject)
    assert result.status is Status.NOT_GRADED
    assert "promtool" in result.why
    assert "\n" not in result.why


def test_every_check_that_the_starter_fails_is_named_in_its_task() -> None:
    folder = ROOT / "demos" / "demo_5_observability" / "exercise"
    tasks = "".join((folder / name).read_text() for name in ("first_token.py", "cost_alert.yml", "business.yml"))
    assert {name for name in NAMES if name in tasks} == TASKS


def test_a_running_service_is_graded_as_far_as_it_shows_from_outside(server: ModelServer, receiver: str) -> None:
    with started(REFERENCE, server, CHECKLIST.environment, receiver=receiver) as subject:
        told = {
            **CHECKLIST.environment,
            "OPENAI_API_KEY": server.key,
            "TRACES_URL": receiver,
            "TRACE_SAMPLE_RATIO": "1",
            "LOG_FILE": str(subject.log.path),
        }
        command = [sys.executable, "-m", "workshop.grader", "5", "--url", subject.service.url, "--upstream", server.url]
        environment = {**os.environ, **told}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert "Score: 15/15 (5 points not graded)" in done.stdout, done.stdout + done.stderr


def test_without_its_settings_the_grader_says_which_it_needs(server: ModelServer) -> None:
    with started(REFERENCE, server, {}) as subject:
        command = [sys.executable, "-m", "workshop.grader", "5", "--url", subject.service.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        for hint in ("--upstream", "OTLP_ENDPOINT", "WEBHOOK_HMAC_SECRET", "CORS_ORIGINS"):
            assert hint in done.stdout, done.stdout + done.stderr
