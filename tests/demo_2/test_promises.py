"""Each sentence of demo 2's exercise is a promise, and a mutant that breaks it loses points."""

from demos.demo_2_who_and_how_often.exercise import gatekeeper
from tests.demo_2.test_demo_2 import MUTANTS
from tests.promises import Promises, docstrings

PROMISES = Promises(
    docstrings(gatekeeper),
    broken_by={
        # Task 1
        "Without a header,": ["strangers_are_refused"],
        "or with `Bearer anonymous`, the caller is a stranger,": ["anonymous_is_a_bad_token"],
        "identified by address.": ["all_strangers_share_one_allowance"],
        "With `Bearer TOKEN`, the caller is the owner of the token;": ["all_users_are_one"],
        "an unknown token raises `Unauthorized`.": ["any_token_is_accepted", "unauthorized_without_challenge"],
        "Any other header raises `Unauthorized`": ["other_schemes_are_strangers", "sql_from_the_header"],
        "without a database query.": ["looks_everything_up"],
        "If tokens are `required`, `admit` raises `Unauthorized` for a stranger.": ["never_requires_a_token"],
        "the database knows only these digests.": ["tokens_are_compared_unhashed"],
        "and raises DatabaseUnavailable (503) by itself.": ["outage_is_401"],
        "is a dictionary with a time to live,": ["remembers_tokens_for_ever", "remembers_tokens_while_they_are_used"],
        "do not look up a caller that it holds.": ["asks_the_database_each_time"],
        # Task 2
        "Admit at most `limit` in any `window` seconds,": ["one_request_too_many"],
        "whenever they begin.": ["fixed_window"],
        "`wait` returns 0.0 if `weight` more fits now,": ["one_request_too_few", "burst_is_ignored"],
        "otherwise the seconds until it fits;": [
            "retry_after_is_a_guess",
            "retry_after_is_the_whole_window",
            "retry_after_of_tokens_is_a_guess",
        ],
        "infinity if it never will.": ["waits_for_what_never_fits"],
        "`take` records the admission.": ["writes_nothing_down"],
        "A request that is not taken must leave no trace.": ["refused_requests_count"],
        "The total weight in the window.": ["headers_lie"],
        "Seconds until the window is empty, if nothing is added.": [
            "reset_is_the_next_place",
            "reset_is_the_whole_window",
        ],
        # Task 3
        "Each key has a window for its requests": [
            "one_allowance_for_all",
            "overrides_are_ignored",
            "strangers_are_treated_as_users",
        ],
        "and one for its tokens.": ["all_callers_share_their_tokens"],
        "A request that does not fit is refused with `RateLimited` (pipeline/errors.py)": ["refuses_with_503"],
        "and an exact `retry_after`.": ["retry_after_is_a_guess", "retry_after_is_the_whole_window"],
        # Task 4
        "Before the model is called, take the tokens that the call may use:": ["tokens_are_checked_but_not_reserved"],
        "When the call has ended (`call.on_done`), replace them with the tokens that it really used: "
        "`outcome.spent.total`.": [
            "reservations_are_kept",
            "failed_calls_keep_their_reservation",
            "all_tokens_are_given_back",
        ],
        "A request that can never fit gets no `retry_after`.": ["waits_for_what_never_fits"],
        # Task 5
        "The headers that tell the caller the limits, on each answer": ["headers_lie"],
        "and each refusal,": ["refusals_without_headers"],
        "in both conventions.": ["headers_of_one_convention", "headers_of_the_draft_alone"],
        "x-ratelimit-limit-requests: 12 · x-ratelimit-remaining-requests: 11 · x-ratelimit-reset-requests: 2s,": [
            "headers_of_the_draft_alone"
        ],
        "and the same three with -tokens.": ["headers_without_the_tokens_reset"],
        'RateLimit-Policy: "requests";q=12;w=2 and RateLimit: "requests";r=11;t=2,': ["headers_of_one_convention"],
        "in whole seconds.": ["headers_with_fractions_of_seconds"],
        "The remaining number is the one after this request.": ["headers_lie"],
    },
    explains=[
        "A token check and a limiter, for you to write. Until then they let everything through.",
        "Each docstring says what must be true,",
        "and which checks of `make grade-2 SOLUTION=exercise` test it.",
        "All times are seconds on one clock, `time.monotonic()`. Stuck? Read HINTS.md.",
        "Turn an Authorization header into a caller.",
        "Given: `digest_of(token)` (shared/accounts/tokens.py);",
        "`await tokens.caller(digest)` returns None for an unknown token,",
        "`known`",
        "with `get(digest)` and `put(digest, caller)`:",
        "One admission: its time and its weight.",
        "You see it work only together with task 3.",
        "The weight of a request is 1; that of tokens is their number.",
        "`worst_case(call.request)` (shared/upstream/openai_wire.py).",
    ],
)


def test_each_promise_has_a_mutant_that_loses_points() -> None:
    assert PROMISES.faults({mutant: lost for mutant, (lost, _) in MUTANTS.items()}) == []
