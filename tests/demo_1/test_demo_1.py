"""Tests of demo 1's checks: the reference passes them all; the starter and each mutant fail those that they must."""

from tests.exams import Exam
from workshop.grader.checks.demo_1 import CHECKLIST

NAMES = {check.name for check in CHECKLIST.checks}

# The checks that grade the starter's five tasks. The starter passes all others.
TASKS = {
    "input_limit",
    "timeout",
    "arrival",
    "retries",
    "backoff",
    "upstream_rate_limit",
    "log_line",
    "log_private",
    "cost",
}

# The checks that each mutant must fail. It must pass all other quick checks, and the slow ones close to its fault.
MUTANTS: dict[str, set[str]] = {
    "secret_in_the_log": {"secrets"},
    "limit_off_by_one": {"input_limit"},
    "limit_too_low_by_one": {"input_limit"},
    "limit_in_bytes": {"input_limit"},
    "asks_the_model_first": {"input_limit"},
    "says_no_numbers": {"input_limit"},
    "says_not_how_long": {"input_limit"},
    "says_no_limit": {"input_limit"},
    "too_long_names_no_field": {"input_limit"},
    "names_no_field": {"input_limit", "payload_validation"},
    "no_deadline": {"timeout", "arrival"},
    "deadline_for_each_try": {"timeout", "arrival"},
    "deadline_from_now": {"arrival"},
    "late_is_500": {"timeout", "arrival"},
    "late_calls_go_on": {"timeout"},
    "deadline_told_to_nobody": {"upstream_rate_limit"},
    "deadline_on_another_clock": {"upstream_rate_limit"},
    "retries_everything": {"no_retry_of_rejections"},
    "never_retries": {"retries", "backoff", "upstream_rate_limit"},
    "one_retry_too_many": {"retries"},
    "retries_500_and_429_alone": {"retries"},
    "pauses_that_do_not_grow": {"backoff"},
    "pauses_that_do_not_double": {"backoff"},
    "first_pause_too_long": {"backoff"},
    "pauses_without_chance": {"backoff"},
    "blocks_while_it_waits": {"backoff"},
    "ignores_the_upstreams_retry_after": {"upstream_rate_limit"},
    "waits_in_vain": {"upstream_rate_limit"},
    "no_retry_after_of_its_own": {"upstream_rate_limit"},
    "rate_limit_is_500": {"upstream_rate_limit"},
    "retry_after_lost": {"upstream_rate_limit"},
    "garbage_is_500": {"upstream_faults"},
    "refusal_is_500": {"upstream_faults"},
    "logs_the_prompt": {"log_private"},
    "prints_the_answer": {"log_private"},
    "logs_twice": {"log_line"},
    "logs_another_request_id": {"log_line", "log_private", "secrets", "request_id"},
    "logs_milliseconds_since_1970": {"log_line"},
    "logs_latency_in_seconds": {"log_line"},
    "logs_a_longer_hash": {"log_line"},
    "logs_another_hash": {"log_line"},
    "logs_the_prompts_bytes": {"log_line"},
    "logs_the_answers_tokens_as_its_length": {"log_line"},
    "logs_the_tokens_the_other_way_round": {"log_line"},
    "logs_only_new_tokens_as_total": {"log_line"},
    "logs_cents": {"log_line"},
    "logs_no_model_of_failures": {"log_line"},
    "logs_one_model_for_all": {"log_line"},
    "new_request_ids": {"request_id"},
    "tokens_from_characters": {"tokens"},
    "cost_of_zero": {"cost"},
    "one_price_for_both_ways": {"cost"},
    "prices_the_wrong_way_round": {"cost"},
    "cost_for_a_thousand_tokens": {"cost"},
    "cost_unrounded": {"cost"},
    "embedded_models_for_free": {"cost"},
    "only_embedded_models_have_a_price": {"cost"},
    "never_says_default": {"cost"},
    "always_says_default": {"cost"},
    "latency_without_the_upstream": {"latency", "log_line"},
    "bare_health": {"health"},
    "another_envelope": {"http_answers"},
    "blocks_the_process": {"not_blocking"},
    "loses_one_in_fifty": {"load"},
}

SLOW = {
    "timeout",
    "arrival",
    "retries",
    "backoff",
    "upstream_rate_limit",
    "upstream_faults",
    "latency",
    "http_answers",
    "not_blocking",
    "load",
}

# Slow checks close to a mutant's fault, which it must pass nevertheless.
NEIGHBOURS: dict[str, set[str]] = {
    "deadline_from_now": {"timeout"},
    "deadline_told_to_nobody": {"timeout"},
    "retries_everything": {"retries"},
    "pauses_that_do_not_grow": {"retries"},
    "blocks_while_it_waits": {"retries", "not_blocking"},
    "waits_in_vain": {"timeout"},
    "rate_limit_is_500": {"retries"},
    "blocks_the_process": {"latency"},
}


class TestDemo1(Exam):
    checklist = CHECKLIST
    reference = "demos.demo_1_guarded.app:build"
    exercise = "demos.demo_1_guarded.exercise.app:build"
    solved = "tests.demo_1.solved:build"
    mutants_in = "tests.demo_1.mutants"
    tasks = TASKS
    looked_at_when_solved = TASKS
    mutants = MUTANTS
    near = NEIGHBOURS
    always = NAMES - SLOW
