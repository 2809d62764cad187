"""Each sentence of demo 3's exercise is a promise, and a mutant that breaks it loses points."""

from demos.demo_3_caching.exercise import cache
from tests.demo_3.test_demo_3 import MUTANTS
from tests.promises import Promises, docstrings

PROMISES = Promises(
    docstrings(cache),
    broken_by={
        # Task 1
        "equal for equal questions,": ["never_the_same_key"],
        "and only for them.": ["tidies_the_prompt"],
        "all of `request.to_wire()`, which is what the model is sent;": [
            "ignores_the_model",
            "ignores_max_tokens",
            "ignores_the_temperature",
        ],
        "the `owner`, who may see the answer;": ["crosses_callers", "users_share"],
        "the `upstream`, who gave it.": ["ignores_the_upstream"],
        "The name is short, 100 characters or less,": ["the_key_is_long"],
        "and does not tell what was asked.": ["the_key_is_the_question"],
        # Task 2
        "Values under keys, in memory, bounded,": ["unbounded"],
        "and each for its time only.": ["ttl_never_applied", "ttl_begins_anew_with_each_use"],
        "Never more than `max_entries` entries,": ["counts_bytes_and_not_entries"],
        "never more than `max_bytes` bytes in all:": ["counts_entries_and_not_bytes"],
        "what was not used for longest makes room.": ["fifo_instead_of_lru"],
        "`bytes` (of what is there),": ["counts_twice_what_is_put_twice", "stats_in_kilobytes"],
        "`evictions` (had to make room)": ["counts_no_evictions"],
        "and `expirations` (time was up) are what GET /cache/stats shows.": ["counts_no_expirations"],
        "The value; None if it is not there, or its time is up.": ["ttl_never_applied"],
        "Keep `value` for `ttl` seconds from now,": ["ttl_half_as_long"],
        "in place of what is there;": ["keeps_the_first_answer", "counts_twice_what_is_put_twice"],
        "False if it is too large to be kept.": ["keeps_what_is_too_large"],
        "Forget all whose time is up: called before somebody counts.": ["counts_what_has_expired"],
        # Task 3
        "Equal calls that come while one of them is under way wait for its answer: one call upstream.": ["stampede"],
        "Who waits gets the same answer as a reply with cached=True: another call has paid.": ["bills_the_whole_crowd"],
        "Who leaves, leaves alone: when the first is cancelled, the others still get the answer.": [
            "waits_for_the_leader_that_left",
            "the_leader_takes_all_along",
        ],
        "When it is there, or has failed, the next begins anew.": ["flights_never_land"],
        "The answer: of the call under way, if there is one, or of `await fetch(call)`.": ["stampede"],
    },
    explains=[
        "The three parts of a cache of answers, yours to write. As they stand, nothing is ever found again.",
        "Each docstring says what must be true,",
        "and which checks of `make grade-3 SOLUTION=exercise` look whether it is.",
        "The layer around the parts (shared/layers/response_cache.py) is given:",
        "it leaves out what is sampled, obeys Cache-Control, and counts. Stuck? HINTS.md.",
        "The name under which an answer is kept:",
        "What makes two questions equal:",
        '`cache` is "responses" or "summaries": each has a store of its own anyway.',
        "You see it work together with task 2.",
        "All methods run on the event loop, one after the other: no locks.",
        "Is a call for `key` under way?",
    ],
)


def test_each_promise_has_a_mutant_that_loses_points() -> None:
    assert PROMISES.faults(MUTANTS) == []
