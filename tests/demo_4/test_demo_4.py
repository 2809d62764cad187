"""Tests of demo 4's checks: the reference passes them all; the starter and each mutant fail those that they must."""

import os
import subprocess
import sys

from tests.exams import Exam
from workshop.grader.checks.demo_4 import CHECKLIST
from workshop.grader.launch import ModelServer, started
from workshop.processes import ROOT

REFERENCE = "demos.demo_4_streaming.app:build"
NAMES = [check.name for check in CHECKLIST.checks]

# The checks of the parts that the attendee writes.
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

# The checks that each mutant must fail. It must pass all other quick checks, and the slow ones close to its fault.
MUTANTS: dict[str, set[str]] = {
    "takes_blocks_for_events": {"stream_events"},
    "decodes_each_block": {"stream_events"},
    "takes_one_event_of_a_block_and_a_half": {"stream_events"},
    "forgets_the_rest_of_each_block": {"stream_events"},
    "knows_no_other_end_of_a_line": {"stream_events"},
    "takes_comments_for_data": {"stream_events"},
    "wants_a_space_after_the_colon": {"stream_events"},
    "reads_all_streams_as_one": {"stream_events"},
    "buffers_streams": {"stream_in_steps", "client_leaves", "silence"},
    "is_always_two_tokens_behind": {"stream_in_steps", "client_leaves", "silence"},
    "leaves_the_end_out": {"stream_events", "stream_usage"},
    "never_says_done": {"stream_events", "openai_stream", "infer"},
    "says_done_before_the_end": {"stream_events", "infer"},
    "ends_cut_streams_in_done": {"cut_is_told"},
    "ends_cut_streams_without_a_word": {"cut_is_told", "silence"},
    "takes_half_an_answer_for_a_whole_one": {"cut_is_told", "silence"},
    "names_another_request_in_its_errors": {"cut_is_told", "silence"},
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
    "opens_one_failure_too_soon": {"breaker_opens", "breaker_half_open", "breaker_closes"},
    "lets_a_few_through_when_closed": {"batch", "breaker_closes"},
    "counts_failures_that_are_not_in_a_row": {"breaker_opens"},
    "counts_rejections": {"breaker_opens", "breaker_closes"},
    "begins_a_new_row_with_what_tells_nothing": {"breaker_opens"},
    "lets_some_through_while_open": {"breaker_opens"},
    "refuses_slowly": {"breaker_opens"},
    "says_not_when_to_come_back": {"breaker_opens"},
    "always_says_the_whole_wait": {"breaker_opens"},
    "begins_its_wait_again_with_each_call": {"breaker_opens"},
    "half_opens_too_soon": {"breaker_half_open", "breaker_closes"},
    "never_half_opens": {"breaker_half_open", "breaker_closes"},
    "lets_a_herd_through": {"breaker_half_open"},
    "lets_one_probe_through": {"breaker_half_open"},
    "counts_all_probes_there_were": {"breaker_half_open", "breaker_closes"},
    "takes_probes_that_tell_nothing_for_successes": {"breaker_closes"},
    "takes_probes_that_tell_nothing_for_failures": {"breaker_closes"},
    "never_ends_a_probe_that_tells_nothing": {"breaker_closes"},
    "counts_what_began_before": {"breaker_half_open", "breaker_closes"},
    "is_closed_by_late_results": {"breaker_half_open"},
    "is_opened_by_late_results": {"breaker_closes"},
    "has_places_for_what_began_before": {"breaker_half_open"},
    "forgives_a_failed_probe": {"breaker_half_open"},
    "begins_no_new_wait": {"breaker_half_open"},
    "closes_one_success_too_soon": {"breaker_half_open", "breaker_closes"},
    "never_closes": {"breaker_closes"},
    "holds_old_failures_against_it": {"breaker_closes"},
    "tells_nobody_of_its_breakers": {"breaker_opens", "breaker_half_open", "breaker_closes"},
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
    "stream_events",
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

# Slow checks close to a mutant's fault, which it must pass nevertheless.
NEIGHBOURS: dict[str, set[str]] = {
    "ends_cut_streams_in_done": {"silence", "stream_events"},
    "tries_again_after_the_first_token": {"client_leaves"},
    "streams_cost_nothing": {"client_leaves"},
    "books_nothing_for_who_leaves": {"silence"},
    "never_retries_streams": {"upstream_says_when"},
    "retries_without_a_budget": {"commitment"},
    "counts_rejections": {"breaker_half_open"},
    "lets_a_few_through_when_closed": {"breaker_half_open"},
    "begins_a_new_row_with_what_tells_nothing": {"breaker_half_open"},
    "lets_some_through_while_open": {"breaker_closes"},
    "half_opens_too_soon": {"breaker_opens"},
    "takes_probes_that_tell_nothing_for_successes": {"breaker_half_open"},
    "never_ends_a_probe_that_tells_nothing": {"breaker_opens"},
    "is_closed_by_late_results": {"breaker_opens"},
    "is_opened_by_late_results": {"breaker_half_open"},
    "begins_no_new_wait": {"breaker_opens"},
    "refuses_slowly": {"breaker_half_open"},
    "lets_a_herd_through": {"breaker_closes"},
    "never_closes": {"breaker_opens"},
    "holds_old_failures_against_it": {"breaker_opens"},
    "has_one_timeout_for_all": {"queue_sheds"},
}

# Demo 1 has no breakers, no retry budget, and a single time-out.
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


def test_a_running_service_with_limits_is_graded_by_callers_with_tokens(server: ModelServer) -> None:
    with started(REFERENCE, server, {}) as subject:
        told = {"TIMEOUT": "2", "RETRY_DELAY": "0.1", "OPENAI_API_KEY": server.key, "LOG_FILE": str(subject.log.path)}
        tokens = " ".join(caller.token for caller in subject.callers(1, rested=False))
        command = [sys.executable, "-m", "workshop.grader", "4", "--url", subject.service.url, "--upstream", server.url]
        environment = {**os.environ, **told, "TOKENS": tokens}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert "Score: 12/12 (8 points not graded)" in done.stdout, done.stdout + done.stderr
