"""Tests of demo 2's checks: the reference passes them all; the starter and each mutant fail those that they must."""

from types import MappingProxyType

from tests.exams import Exam
from workshop.grader.checks.demo_2 import CHECKLIST

REFERENCE = "demos.demo_2_who_and_how_often.app:build"
NAMES = {check.name for check in CHECKLIST.checks}

# Checks that the starter passes: it leaks no secrets, refunds what it never took, and counts in Redis as it should.
GIVEN = {"token_secret", "token_refund", "redis_lost"}

WHO = {"token_check", "hostile_headers", "token_secret"}
OFTEN = {"window_limit", "limit_headers", "token_limit", "token_refund"}

# The checks that each mutant must fail, and the further checks that it must pass: the quick ones close to its fault.
MUTANTS: dict[str, tuple[set[str], set[str]]] = {
    "any_token_is_accepted": ({"token_check", "hostile_headers", "revoked"}, WHO),
    "tokens_are_compared_unhashed": ({"token_check"}, WHO),
    "anonymous_is_a_bad_token": ({"token_check", "per_address"}, WHO),
    "strangers_are_refused": ({"token_check", "per_address"}, {"keys_required"}),
    "all_users_are_one": ({"usage"}, WHO),
    "other_schemes_are_strangers": ({"hostile_headers", "database_outage"}, WHO),
    "looks_everything_up": ({"database_outage"}, WHO),
    "unauthorized_without_challenge": ({"token_check", "revoked"}, WHO),
    "sql_from_the_header": ({"hostile_headers"}, WHO),
    "logs_the_token": ({"token_secret"}, WHO),
    "never_requires_a_token": ({"keys_required"}, WHO),
    "remembers_tokens_for_ever": ({"revoked"}, {"token_check", "database_outage"}),
    "remembers_tokens_while_they_are_used": ({"revoked"}, {"token_check", "database_outage"}),
    "outage_is_401": ({"database_outage"}, {"token_check", "revoked"}),
    "asks_the_database_each_time": ({"database_outage"}, {"token_check", "revoked"}),
    "one_request_too_many": ({"window_limit"}, OFTEN),
    "one_request_too_few": ({"window_limit", "limit_headers"}, OFTEN),
    "burst_is_ignored": ({"window_limit", "limit_headers"}, OFTEN),
    "writes_nothing_down": ({"window_limit", "limit_headers"}, {"token_refund"}),
    "refuses_with_503": ({"window_limit", "retry_after"}, {"token_refund"}),
    "fixed_window": ({"sliding"}, {"window_limit", "retry_after", "refused_free"}),
    "retry_after_is_a_guess": ({"retry_after"}, {"window_limit"}),
    "retry_after_is_the_whole_window": ({"retry_after"}, {"window_limit", "refused_free"}),
    "retry_after_of_tokens_is_a_guess": ({"token_limit"}, OFTEN),
    "waits_for_what_never_fits": ({"token_limit"}, OFTEN),
    "refused_requests_count": ({"refused_free"}, {"window_limit", "retry_after"}),
    "one_allowance_for_all": ({"per_caller"}, set()),
    "overrides_are_ignored": ({"per_caller"}, {"window_limit"}),
    "strangers_are_treated_as_users": ({"per_address", "limit_headers"}, {"window_limit"}),
    "all_strangers_share_one_allowance": ({"per_address", "forwarded_for"}, {"window_limit"}),
    "forwarded_for_is_believed_from_anybody": ({"forwarded_for"}, {"per_address"}),
    "forwarded_for_is_read_from_the_left": ({"forwarded_for"}, {"per_address"}),
    "tokens_are_checked_but_not_reserved": ({"token_limit"}, OFTEN),
    "reservations_are_kept": ({"token_refund"}, OFTEN),
    "failed_calls_keep_their_reservation": ({"token_refund"}, OFTEN),
    "all_tokens_are_given_back": ({"limit_headers"}, OFTEN),
    "all_callers_share_their_tokens": ({"token_refund"}, {"window_limit"}),
    "headers_lie": ({"limit_headers"}, {"window_limit"}),
    "reset_is_the_next_place": ({"limit_headers"}, OFTEN),
    "reset_is_the_whole_window": ({"limit_headers"}, OFTEN),
    "headers_without_the_tokens_reset": ({"limit_headers"}, {"window_limit"}),
    "headers_of_the_draft_alone": ({"limit_headers"}, {"window_limit"}),
    "headers_with_fractions_of_seconds": ({"limit_headers"}, {"window_limit"}),
    "refusals_without_headers": ({"limit_headers"}, {"window_limit", "retry_after"}),
    "headers_of_one_convention": ({"limit_headers"}, {"window_limit"}),
    "usage_without_the_answers_tokens": ({"usage"}, {"token_check", "token_refund"}),
    "usage_of_everybody": ({"usage"}, {"token_check"}),
    "budget_is_ignored": ({"budget"}, {"usage"}),
    "limit_for_each_worker": ({"workers"}, {"window_limit"}),
    "redis_lost_is_500": ({"redis_lost"}, {"window_limit"}),
    "no_limit_without_redis": ({"redis_lost"}, {"window_limit"}),
}

# Demo 1's checks are one caller without a token, with any number of requests.
NO_LIMITS = {"RATE_LIMIT_RPM": "1000000", "RATE_LIMIT_RPH": "1000000", "RATE_LIMIT_TPM": "100000000"}
NO_LIMITS["RATE_LIMIT_ANONYMOUS_RPM"] = NO_LIMITS["RATE_LIMIT_RPM"]


LOST = {mutant: lost for mutant, (lost, _) in MUTANTS.items()}
NEAR = {mutant: near for mutant, (_, near) in MUTANTS.items()}


class TestDemo2(Exam):
    checklist = CHECKLIST
    reference = REFERENCE
    exercise = "demos.demo_2_who_and_how_often.exercise.app:build"
    solved = "tests.demo_2.solved:build"
    mutants_in = "tests.demo_2.mutants"
    tasks = NAMES - GIVEN
    looked_at_when_solved = NAMES
    mutants = LOST
    near = NEAR
    always = frozenset()
    # One second would be true of a short window that a busy machine fills slowly.
    with_settings = MappingProxyType({"retry_after_is_a_guess": {"RATE_LIMIT_WINDOW_SEC": "8"}})
    as_demo_1 = NO_LIMITS
