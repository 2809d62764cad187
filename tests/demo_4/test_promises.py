"""Each sentence of demo 4's exercise is a promise, and a mutant that breaks it loses points."""

from demos.demo_4_streaming.exercise import breaker, streams
from tests.demo_4.test_demo_4 import MUTANTS
from tests.promises import Promises, docstrings

PROMISES = Promises(
    docstrings(breaker, streams),
    broken_by={
        # Task 1
        "CLOSED: every call goes through.": ["lets_a_few_through_when_closed"],
        "`rules.failures` failures in a row open it;": ["opens_one_failure_too_late", "opens_one_failure_too_soon"],
        "a success in between resets the count.": ["counts_failures_that_are_not_in_a_row"],
        "OPEN: no call goes through.": ["lets_some_through_while_open"],
        "After `rules.open_for` seconds it is half-open,": ["never_half_opens", "half_opens_too_soon"],
        "however many calls it has refused.": ["begins_its_wait_again_with_each_call"],
        "HALF_OPEN: `rules.probes` calls may go through at the same time,": [
            "lets_one_probe_through",
            "counts_all_probes_there_were",
        ],
        "and no more.": ["lets_a_herd_through"],
        "One failure opens it again,": ["forgives_a_failed_probe"],
        "and a new wait begins;": ["begins_no_new_wait"],
        "`rules.successes` successes close it,": ["never_closes", "closes_one_success_too_soon"],
        "and earlier failures are forgotten.": ["holds_old_failures_against_it"],
        "A result that is NEITHER (the client left, or the request was wrong) says nothing,": [
            "counts_rejections",
            "begins_a_new_row_with_what_tells_nothing",
            "takes_probes_that_tell_nothing_for_successes",
            "takes_probes_that_tell_nothing_for_failures",
        ],
        "but its probe is over.": ["never_ends_a_probe_that_tells_nothing"],
        "Calls end late: a call that was admitted before the state changed must not count in the new state.": [
            "counts_what_began_before",
            "is_closed_by_late_results",
            "is_opened_by_late_results",
            "has_places_for_what_began_before",
        ],
        "Seconds until an open breaker is half-open. The caller is told to wait this long.": [
            "says_not_when_to_come_back",
            "always_says_the_whole_wait",
        ],
        # Task 2
        'Upstream bytes in, payloads of whole events out: `data: {"a":1}` and an empty line give `{"a":1}`.': [
            "takes_blocks_for_events"
        ],
        "The space after the colon may be missing.": ["wants_a_space_after_the_colon"],
        "Lines end in LF or CR LF;": ["knows_no_other_end_of_a_line"],
        "lines that do not begin with `data:` are not payload.": ["takes_comments_for_data"],
        "A block may hold half an event,": ["forgets_the_rest_of_each_block"],
        "two and a half,": ["takes_one_event_of_a_block_and_a_half"],
        "or the first byte of an é;": ["decodes_each_block"],
        "the incomplete part is kept for the next block": ["forgets_the_rest_of_each_block"],
        "of the same stream.": ["reads_all_streams_as_one"],
        "The payload of each event that ends in `block`.": ["takes_one_event_of_a_block_and_a_half"],
        # Task 3
        "Sends the client `format.chunk(…)` for each chunk of the stream, as soon as the chunk arrives.": [
            "buffers_streams",
            "is_always_two_tokens_behind",
        ],
        "After the last one comes `format.end(call)`,": ["leaves_the_end_out"],
        "then the event `[DONE]`.": ["never_says_done", "says_done_before_the_end"],
        "Then the last event is the error's `envelope(call.request_id)` as JSON,": [
            "ends_cut_streams_without_a_word",
            "names_another_request_in_its_errors",
        ],
        "and `[DONE]` does not come, so that nobody takes half an answer for a whole one.": [
            "ends_cut_streams_in_done",
            "takes_half_an_answer_for_a_whole_one",
            "tries_again_after_the_first_token",
        ],
        "and the upstream must not go on for nobody:": ["keeps_reading_for_who_left", "keeps_asking_for_who_left"],
    },
    explains=[
        "The circuit breaker, yours to write. As it stands, it never opens.",
        "The docstring says what must be true,",
        "and which checks of `make grade-4 SOLUTION=exercise` verify it.",
        "The layer around it (shared/layers/circuit_breaker.py) is given: it keeps one breaker for each upstream and "
        "model, decides whose fault a failed call was, and answers 503 for you. Stuck? HINTS.md.",
        "An upstream that keeps failing is left alone for a while, then tried with care.",
        "All methods run on the event loop, one after the other: no locks. (Leave `rules.min_success_rate` and "
        "`rules.window` for later.)",
        "None if the call may not go through. Else a number of your choice; `settle` gets it when the call ends.",
        "The call that was admitted with this `permit` has ended with `result`. Runs once for each permit.",
        "0 if it is not open.",
        "Details that GET /health shows besides the state; the content is up to you.",
        "Both ends of a stream, yours to write. As they stand, they handle only the easy case, and send everything at "
        "once.",
        "Each docstring says what must be true, and which checks of `make grade-4 SOLUTION=exercise` verify it. "
        "Everything between the two ends is given: the meaning of the events (shared/upstream/openai_wire.py), the "
        "accounts, and the client that may leave (shared/http/event_stream.py). Stuck? HINTS.md.",
        "Networks cut anywhere.",
        "Each stream has its own Events.",
        "A stream that breaks raises a ServiceError.",
        "A client that leaves stops this generator wherever it is,",
        "`await stream.aclose()` releases it, and must run in every case.",
    ],
)


def test_every_sentence_of_the_exercise_is_a_promise_that_a_mutant_breaks() -> None:
    assert PROMISES.faults(MUTANTS) == []
