"""The checks of demo 4, checked: the reference passes them all, starter and mutants lose what they must."""

import os
import subprocess
import sys

from tests.demo_4.checks import CHECKLIST
from tests.exams import Exam
from tests.grader.stand import ModelServer, started
from workshop.processes import ROOT

REFERENCE = "demos.demo_4_streaming.app:build"
NAMES = [check.name for check in CHECKLIST.checks]

# What the attendee writes.
TASKS = {
    "breaker_opens",
    "breaker_half_open",
    "breaker_closes",
    "stream_events",
    "stream_in_steps",
    "cut_is_told",
    "client_leaves",
    "silence",
}

# Who is wrong in what. Each must pass the quick checks besides, and the slow ones that are next to its fault.
MUTANTS: dict[str, set[str]] = {
    "takes_blocks_for_events": {"stream_events"},
    "buffers_streams": {"stream_in_steps", "client_leaves", "silence"},
    "is_always_two_tokens_behind": {"stream_in_steps", "client_leaves", "silence"},
    "ends_cut_streams_in_done": {"cut_is_told"},
    "ends_cut_streams_without_a_word": {"cut_is_told", "silence"},
    "tries_again_after_the_first_token": {"cut_is_told"},
    "promises_too_early": {"commitment"},
    "never_ends_a_silence": {"silence"},
    "sends_no_comments": {"silence"},
    "streams_cost_nothing": {"stream_usage"},
    "guesses_what_streams_used": {"stream_usage"},
    "books_nothing_for_who_leaves": {"client_leaves"},
    "keeps_asking_for_who_left": {"client_leaves"},
    "keeps_reading_for_who_left": {"client_leaves"},
    "always_sends_usage": {"openai_stream"},
    "never_sends_usage": {"openai_stream"},
    "drops_what_it_does_not_know": {"openai_pass_through"},
    "drops_tools": {"openai_pass_through"},
    "answers_400_for_models_that_do_not_exist": {"openai_unary"},
    "does_not_read_max_new_tokens": {"infer"},
    "answers_batches_as_they_come": {"batch"},
    "answers_batches_all_at_once": {"batch"},
    "answers_batches_one_by_one": {"batch"},
    "never_retries_streams": {"commitment"},
    "asks_again_before_its_time": {"upstream_says_when"},
    "retries_without_a_budget": {"retry_budget"},
    "opens_one_failure_too_late": {"breaker_opens", "breaker_half_open", "breaker_closes"},
    "counts_failures_that_are_not_in_a_row": {"breaker_opens"},
    "counts_rejections": {"breaker_opens"},
    "refuses_slowly": {"breaker_opens"},
    "says_not_when_to_come_back": {"breaker_opens"},
    "never_half_opens": {"breaker_half_open", "breaker_closes"},
    "lets_a_herd_through": {"breaker_half_open"},
    "forgives_a_failed_probe": {"breaker_half_open"},
    "never_closes": {"breaker_closes"},
    "holds_old_failures_against_it": {"breaker_closes"},
    "tells_nobody_of_its_breakers": {"breaker_opens", "breaker_closes"},
    "falls_back_for_wrong_requests": {"fallback"},
    "does_not_name_the_fallback": {"fallback"},
    "never_falls_back_for_streams": {"fallback"},
    "has_room_for_everybody": {"queue_sheds"},
    "lets_nobody_wait": {"queue_sheds"},
    "refuses_after_a_wait": {"queue_sheds"},
    "has_one_timeout_for_all": {"adaptive_timeout"},
    "knows_no_longest_time": {"adaptive_timeout"},
}

SLOW = {
    "commitment",
    "client_leaves",
    "silence",
    "upstream_says_when",
    "retry_budget",
    "breaker_opens",
    "breaker_half_open",
    "breaker_closes",
    "fallback",
    "queue_sheds",
    "adaptive_timeout",
}

# Slow checks that a mutant's fault is near to, and that it must pass all the same.
NEIGHBOURS: dict[str, set[str]] = {
    "ends_cut_streams_in_done": {"silence"},
    "tries_again_after_the_first_token": {"client_leaves"},
    "streams_cost_nothing": {"client_leaves"},
    "books_nothing_for_who_leaves": {"silence"},
    "never_retries_streams": {"upstream_says_when"},
    "retries_without_a_budget": {"commitment"},
    "counts_rejections": {"breaker_closes"},
    "refuses_slowly": {"breaker_half_open"},
    "lets_a_herd_through": {"breaker_closes"},
    "never_closes": {"breaker_opens"},
    "holds_old_failures_against_it": {"breaker_opens"},
    "has_one_timeout_for_all": {"queue_sheds"},
}

# Demo 1 knows neither breakers nor budgets for retries, and has one time-out.
AS_DEMO_1 = {
    "TIMEOUT_MAX": "2",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "100000",
    "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
    "RETRY_BUDGET_RESERVE": "100000",
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPM": "1000000",
}


class TestDemo4(Exam):
    checklist = CHECKLIST
    reference = REFERENCE
    exercise = "demos.demo_4_streaming.exercise.app:build"
    solved = "tests.demo_4.solved:build"
    mutants_in = "tests.demo_4.mutants"
    tasks = TASKS
    looked_at_when_solved = TASKS | (set(NAMES) - SLOW)
    mutants = MUTANTS
    near = NEIGHBOURS
    always = set(NAMES) - SLOW
    as_demo_1 = AS_DEMO_1


def test_every_check_that_the_starter_fails_is_named_in_its_task() -> None:
    from demos.demo_4_streaming.exercise import breaker, streams

    tasks = " ".join(part.__doc__ or "" for part in (breaker.Breaker, streams.Events, streams.relay))
    assert {name for name in NAMES if name in tasks} == TASKS


def test_a_service_that_runs_with_its_limits_is_graded_as_somebody_with_a_token(server: ModelServer) -> None:
    with started(REFERENCE, server, {}) as subject:
        told = {"TIMEOUT": "2", "RETRY_DELAY": "0.1", "OPENAI_API_KEY": server.key, "LOG_FILE": str(subject.log.path)}
        tokens = " ".join(caller.token for caller in subject.callers(1, rested=False))
        command = [sys.executable, "-m", "tests.grader", "4", "--url", subject.service.url, "--upstream", server.url]
        environment = {**os.environ, **told, "TOKENS": tokens}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert "Score: 12/12 (8 points not graded)" in done.stdout, done.stdout + done.stderr
