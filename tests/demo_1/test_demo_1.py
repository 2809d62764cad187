"""The checks of demo 1, checked: the reference passes them all, starter and mutants lose what they must."""

from tests.demo_1.checks import CHECKLIST
from tests.exams import Exam

NAMES = {check.name for check in CHECKLIST.checks}

# What the starter's five tasks are graded by. The rest it is given.
TASKS = {
    "input_limit",
    "timeout",
    "retries",
    "backoff",
    "upstream_rate_limit",
    "log_line",
    "log_private",
    "cost",
}

# Who is wrong in what. Each must pass the quick checks besides, and the slow ones that are next to its fault.
MUTANTS: dict[str, set[str]] = {
    "secret_in_the_log": {"secrets"},
    "limit_off_by_one": {"input_limit"},
    "limit_too_low_by_one": {"input_limit"},
    "names_no_field": {"payload_validation"},
    "no_deadline": {"timeout"},
    "deadline_for_each_try": {"timeout"},
    "retries_everything": {"no_retry_of_rejections"},
    "never_retries": {"retries", "backoff"},
    "one_retry_too_many": {"retries"},
    "pauses_that_do_not_grow": {"backoff"},
    "rate_limit_is_500": {"upstream_rate_limit"},
    "retry_after_lost": {"upstream_rate_limit"},
    "garbage_is_500": {"upstream_faults"},
    "refusal_is_500": {"upstream_faults"},
    "logs_the_prompt": {"log_private"},
    "prints_the_answer": {"log_private"},
    "logs_twice": {"log_line"},
    "logs_a_longer_hash": {"log_line"},
    "new_request_ids": {"request_id"},
    "tokens_from_characters": {"tokens"},
    "cost_of_zero": {"cost"},
    "one_price_for_both_ways": {"cost"},
    "latency_without_the_upstream": {"latency"},
    "bare_health": {"health"},
    "another_envelope": {"http_answers"},
    "blocks_the_process": {"not_blocking"},
    "loses_one_in_fifty": {"load"},
}

SLOW = {
    "timeout",
    "retries",
    "backoff",
    "upstream_rate_limit",
    "upstream_faults",
    "latency",
    "http_answers",
    "not_blocking",
    "load",
}

# Slow checks that a mutant's fault is near to, and that it must pass all the same.
NEIGHBOURS: dict[str, set[str]] = {
    "retries_everything": {"retries"},
    "never_retries": {"upstream_rate_limit"},
    "pauses_that_do_not_grow": {"retries"},
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
