"""Each sentence of demo 1's exercise is a promise, and a mutant that breaks it loses points."""

from demos.demo_1_guarded.exercise import guards
from tests.demo_1.test_demo_1 import MUTANTS
from tests.promises import Promises, docstrings

PROMISES = Promises(
    docstrings(guards),
    broken_by={
        # Task 1
        "A prompt of more than `max_chars` characters goes no further.": [
            "limit_off_by_one",
            "limit_in_bytes",
            "asks_the_model_first",
        ],
        'Raise `InvalidRequest` with param="prompt";': ["too_long_names_no_field", "names_no_field"],
        "its message gives the length of the prompt": ["says_not_how_long", "says_no_numbers"],
        "and the limit.": ["says_no_limit", "says_no_numbers"],
        "A prompt of exactly `max_chars` characters is fine.": ["limit_too_low_by_one"],
        # Task 2
        "The call is answered within `seconds`": ["no_deadline", "deadline_for_each_try"],
        "of its arrival,": ["deadline_from_now"],
        "whatever the inner layers do.": ["deadline_for_each_try"],
        "When the time is up, cancel the work in progress": ["late_calls_go_on"],
        "and raise `DeadlineExceeded` (504).": ["late_is_500"],
        "Also store the deadline in `call.deadline`": ["deadline_told_to_nobody"],
        "(seconds, on the clock of `time.perf_counter()`): task 3 needs it.": ["deadline_on_another_clock"],
        # Task 3
        "Retry a call that may succeed on another try,": ["never_retries", "retries_500_and_429_alone"],
        "at most `max_retries` times after the first.": ["one_retry_too_many"],
        "raise any other error at once.": ["retries_everything"],
        "Before the first retry, wait `delay` seconds,": ["first_pause_too_long"],
        "then twice that, and so on,": ["pauses_that_do_not_grow", "pauses_that_do_not_double"],
        "with random jitter (up to a fifth more or less).": ["pauses_without_chance"],
        "Wait longer if the upstream says so (the error's `retry_after`).": ["ignores_the_upstreams_retry_after"],
        "Do not retry if the wait would outlast `call.remaining()`.": ["waits_in_vain"],
        "Other calls go on while one waits.": ["blocks_while_it_waits"],
        "An `UpstreamRateLimited` (429) that you raise in the end has a `retry_after`:": ["retry_after_lost"],
        "your own wait if the upstream gave none.": ["no_retry_after_of_its_own"],
        # Task 4
        "no text that the caller or the model wrote.": ["logs_the_prompt", "prints_the_answer"],
        "The log line of one request:": ["logs_twice"],
        "request_id ·": ["logs_another_request_id"],
        "timestamp (seconds since 1970) ·": ["logs_milliseconds_since_1970"],
        "latency_ms (call.elapsed_ms()) ·": ["logs_latency_in_seconds"],
        "prompt_hash (the first 16 hexadecimal digits": ["logs_a_longer_hash"],
        "of the prompt's SHA-256) ·": ["logs_another_hash"],
        "prompt_length ·": ["logs_the_prompts_bytes"],
        "response_length ·": ["logs_the_answers_tokens_as_its_length"],
        "tokens_input · tokens_output ·": ["logs_the_tokens_the_other_way_round"],
        "tokens_total ·": ["logs_only_new_tokens_as_total"],
        "cost_usd ·": ["logs_cents"],
        "model (outcome.model;": ["logs_one_model_for_all"],
        "the model that the caller asked for, if there was no answer).": ["logs_no_model_of_failures"],
        # Task 5
        "The cost of a call: tokens / 1,000,000 × price,": ["cost_for_a_thousand_tokens"],
        "in US dollars with 6 decimals.": ["cost_unrounded"],
        "gpt-4o-mini costs 0.15 per million input tokens and 0.60 per million output tokens;": [
            "one_price_for_both_ways",
            "prices_the_wrong_way_round",
            "only_embedded_models_have_a_price",
        ],
        "the embedded models (workshop-tiny, workshop-sim) cost the same.": [
            "embedded_models_for_free",
            "cost_of_zero",
        ],
        'Return the dollars and the source of the price: "model",': ["always_says_default"],
        'or "default" for a model without a price in your list.': ["never_says_default"],
    },
    explains=[
        "Five guards around a model, for you to write. Until then they let everything through.",
        "Each docstring says what must be true,",
        "and which checks of `make grade-1 SOLUTION=exercise` test it.",
        "A layer receives a call and `next`, the rest of the stack:",
        "`await next(call)` asks the inner layers and then the model.",
        "You may use `call` (shared/pipeline/call.py) and the errors beside it (errors.py). Stuck? Read HINTS.md.",
        "Every `UpstreamError` says whether it is `retryable`;",
        "Count in `call.retries`.",
        "a dict with these names, and",
    ],
)


def test_each_promise_has_a_mutant_that_loses_points() -> None:
    assert PROMISES.faults(MUTANTS) == []
