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
        "all of `request.to_wire()`, which is sent to the model;": [
            "ignores_the_model",
            "ignores_max_tokens",
            "ignores_the_temperature",
        ],
        "the `owner`, who may see the answer;": ["crosses_callers", "users_share"],
        "and the `upstream`, which gave it.": ["ignores_the_upstream"],
        "The key is short, at most 100 characters,": ["the_key_is_long"],
        "and does not reveal the question.": ["the_key_is_the_question"],
        # Task 2
        "Values by key, in memory and bounded,": ["unbounded"],
        "each only until its time is up.": ["ttl_never_applied", "ttl_begins_anew_with_each_use"],
        "A store never holds more than `max_entries` entries": ["counts_bytes_and_not_entries"],
        "or more than `max_bytes` bytes in all:": ["counts_entries_and_not_bytes"],
        "the least recently used entry makes room.": ["fifo_instead_of_lru"],
        "GET /cache/stats shows `bytes` (of all entries),": ["counts_twice_what_is_put_twice", "stats_in_kilobytes"],
        "`evictions` (to make room)": ["counts_no_evictions"],
        "and `expirations` (time was up).": ["counts_no_expirations"],
        "The value, or None if it is missing or its time is up.": ["ttl_never_applied"],
        "Keep `value` for `ttl` seconds from now,": ["ttl_half_as_long"],
        "instead of any older value.": ["keeps_the_first_answer", "counts_twice_what_is_put_twice"],
        "False if it is too large to keep.": ["keeps_what_is_too_large"],
        "Drop all entries whose time is up: called before the entries are counted.": ["counts_what_has_expired"],
        # Task 3
        "Equal calls that come while one of them is in progress wait for its answer: one call upstream.": ["stampede"],
        "A call that waits gets the same answer as a reply with cached=True: another call has paid.": [
            "bills_the_whole_crowd"
        ],
        "If the first call is cancelled, the others still get the answer.": [
            "waits_for_the_leader_that_left",
            "the_leader_takes_all_along",
        ],
        "After an answer or a failure, the next equal call asks upstream again.": ["flights_never_land"],
        "The answer of the call in progress, if there is one; otherwise that of `await fetch(call)`.": ["stampede"],
    },
    explains=[
        "The three parts of a cache for answers, for you to write. Until then nothing is ever found again.",
        "Each docstring says what must be true,",
        "and which checks of `make grade-3 SOLUTION=exercise` test it.",
        "The layer around the parts (shared/layers/response_cache.py) is given:",
        "it skips sampled answers, obeys Cache-Control, and counts hits and misses. Stuck? Read HINTS.md.",
        "The key under which an answer is kept:",
        "Two questions are equal if three things are equal:",
        '`cache` is "responses" or "summaries": each has its own store anyway.',
        "You see it work only together with task 2.",
        "All methods run on the event loop, one after the other, so you need no locks.",
        "Is a call for `key` in progress?",
    ],
)


def test_each_promise_has_a_mutant_that_loses_points() -> None:
    assert PROMISES.faults(MUTANTS) == []
