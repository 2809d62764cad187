"""Each sentence of demo 2's exercise is a promise, and a mutant that breaks it loses points."""

from demos.demo_2_who_and_how_often.exercise import gatekeeper
from tests.demo_2.test_demo_2 import MUTANTS
from tests.promises import Promises, docstrings

PROMISES = Promises(
    docstrings(gatekeeper),
    broken_by={
        # Task 1
        "No header,": ["strangers_are_refused"],
        "or `Bearer anonymous`: a stranger,": ["anonymous_is_a_bad_token"],
        "who goes by his address.": ["all_strangers_share_one_allowance"],
        "`Bearer TOKEN`: whom the token belongs to,": ["all_users_are_one"],
        "and `Unauthorized` if it is nobody.": ["any_token_is_accepted", "unauthorized_without_challenge"],
        "Any other header: `Unauthorized`,": ["other_schemes_are_strangers", "sql_from_the_header"],
        "without a look at the database.": ["looks_everything_up"],
        "Where tokens are `required`, `admit` raises `Unauthorized` for a stranger.": ["never_requires_a_token"],
        "and the database knows nothing but these digests;": ["tokens_are_compared_unhashed"],
        "and raises DatabaseUnavailable (503) by itself;": ["outage_is_401"],
        "a dictionary that forgets,": ["remembers_tokens_for_ever", "remembers_tokens_while_they_are_used"],
        "whoever is in it need not be looked up.": ["asks_the_database_each_time"],
        # Task 2
        "At most `limit` in any `window` seconds,": ["one_request_too_many"],
        "wherever they begin.": ["fixed_window"],
        "`wait`: 0.0 if `weight` more fits in at this moment,": ["one_request_too_few", "burst_is_ignored"],
        "otherwise the seconds until it does;": [
            "retry_after_is_a_guess",
            "retry_after_is_the_whole_window",
            "retry_after_of_tokens_is_a_guess",
        ],
        "infinite if it never will.": ["waits_for_what_never_fits"],
        "`take`: write it down.": ["writes_nothing_down"],
        "What is not taken must leave no trace.": ["refused_requests_count"],
        "The weight of all that is in the window.": ["headers_lie"],
        "Seconds until the window is empty, if nothing more comes.": [
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
        "A request that does not fit is refused with `RateLimited` (pipeline/errors.py),": ["refuses_with_503"],
        "whose `retry_after` is true.": ["retry_after_is_a_guess", "retry_after_is_the_whole_window"],
        # Task 4
        "Before the model is called, the tokens that the call may use are taken:": [
            "tokens_are_checked_but_not_reserved"
        ],
        "When it has ended (`call.on_done`), what it really used stands in their place: `outcome.spent.total`.": [
            "reservations_are_kept",
            "failed_calls_keep_their_reservation",
            "all_tokens_are_given_back",
        ],
        "What can never fit has no `retry_after`.": ["waits_for_what_never_fits"],
        # Task 5
        "What the caller hears about the limits, with each answer": ["headers_lie"],
        "and each refusal,": ["refusals_without_headers"],
        "in both conventions.": ["headers_of_one_convention", "headers_of_the_draft_alone"],
        "x-ratelimit-limit-requests: 12 · x-ratelimit-remaining-requests: 11 · x-ratelimit-reset-requests: 2s,": [
            "headers_of_the_draft_alone"
        ],
        "and the same three with -tokens.": ["headers_without_the_tokens_reset"],
        'RateLimit-Policy: "requests";q=12;w=2 and RateLimit: "requests";r=11;t=2,': ["headers_of_one_convention"],
        "in whole seconds.": ["headers_with_fractions_of_seconds"],
        "What remains is what remains after this request.": ["headers_lie"],
    },
    explains=[
        "Who may call, and how often: a token check and a limiter, yours to write.",
        "As they stand, they let everything through.",
        "Each docstring says what must be true,",
        "and which checks of `make grade-2 SOLUTION=exercise` look whether it is.",
        "All times are seconds on one clock, `time.monotonic()`. Stuck? HINTS.md.",
        "An Authorization header becomes a caller.",
        "Given: `digest_of(token)` (shared/accounts/tokens.py),",
        "`await tokens.caller(digest)`, which is None if there is nobody",
        "`known`,",
        "with `get(digest)` and `put(digest, caller)`:",
        "Something that was let in: when, and what it counts.",
        "A request counts 1; a call's tokens count as they are.",
        "`worst_case(call.request)` (shared/layers/rate_limit.py).",
    ],
)


def test_each_promise_has_a_mutant_that_loses_points() -> None:
    assert PROMISES.faults({mutant: lost for mutant, (lost, _) in MUTANTS.items()}) == []
