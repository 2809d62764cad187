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
        "`InvalidRequest` says how long the prompt is": ["says_not_how_long", "says_no_numbers"],
        "and what the limit is,": ["says_no_limit", "says_no_numbers"],
        'with param="prompt".': ["too_long_names_no_field", "names_no_field"],
        "Exactly `max_chars` is fine.": ["limit_too_low_by_one"],
        # Task 2
        "The call is answered within `seconds`": ["no_deadline", "deadline_for_each_try"],
        "of its arrival,": ["deadline_from_now"],
        "whatever happens further in.": ["deadline_for_each_try"],
        "When the time is up, what is still going on is cancelled": ["late_calls_go_on"],
        "and the caller hears `DeadlineExceeded` (504).": ["late_is_500"],
        "Put the moment into `call.deadline` as well": ["deadline_told_to_nobody"],
        "(seconds, on the clock of `time.perf_counter()`): task 3 wants to know it.": ["deadline_on_another_clock"],
        # Task 3
        "What may work on another try is tried again,": ["never_retries", "retries_500_and_429_alone"],
        "at most `max_retries` times after the first.": ["one_retry_too_many"],
        "what is not, is raised at once.": ["retries_everything"],
        "Before the first retry pass `delay` seconds,": ["first_pause_too_long"],
        "then twice that, and so on,": ["pauses_that_do_not_grow", "pauses_that_do_not_double"],
        "with a little chance in it (a fifth more or less);": ["pauses_without_chance"],
        "longer if the upstream says so (the error's `retry_after`);": ["ignores_the_upstreams_retry_after"],
        "and not at all if the wait would outlast `call.remaining()`.": ["waits_in_vain"],
        "While one call waits, the others go on.": ["blocks_while_it_waits"],
        "An `UpstreamRateLimited` (429) that is raised in the end has a `retry_after`,": ["retry_after_lost"],
        "ours if the upstream gave none.": ["no_retry_after_of_its_own"],
        # Task 4
        "no text that the caller or the model wrote.": ["logs_the_prompt", "prints_the_answer"],
        "The log line of one request,": ["logs_twice"],
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
        "what the caller asked for, if nobody answered).": ["logs_no_model_of_failures"],
        # Task 5
        "What a call costs: tokens / 1,000,000 × price,": ["cost_for_a_thousand_tokens"],
        "in US dollars with 6 decimals.": ["cost_unrounded"],
        "gpt-4o-mini costs 0.15 a million tokens in and 0.60 a million tokens out;": [
            "one_price_for_both_ways",
            "prices_the_wrong_way_round",
            "only_embedded_models_have_a_price",
        ],
        "the embedded models (workshop-tiny, workshop-sim) are charged the same.": [
            "embedded_models_for_free",
            "cost_of_zero",
        ],
        'Beside the dollars stands where the price is from: "model",': ["always_says_default"],
        'or "default" for a model that you have no price for.': ["never_says_default"],
    },
    explains=[
        "Five guards around a model, yours to write. As they stand, they let everything through.",
        "Each docstring says what must be true,",
        "and which check of `make grade-1 SOLUTION=exercise` looks whether it is.",
        "A layer is given a call and the rest of the stack, `next`:",
        "`await next(call)` asks the layers further in, and at the end the model.",
        "What you may use: `call` (shared/pipeline/call.py) and the errors beside it (errors.py). Stuck? HINTS.md.",
        "Every `UpstreamError` knows whether it is `retryable`;",
        "`call.retries` is there to count in.",
        "as a dict with these names and",
    ],
)


def test_each_promise_has_a_mutant_that_loses_points() -> None:
    assert PROMISES.faults(MUTANTS) == []
