"""Tests of demo 3's checks: the reference passes them all; the starter and each mutant fail those that they must."""

import os
import subprocess
import sys

from tests.exams import Exam
from workshop.grader.checks.demo_3 import CHECKLIST
from workshop.grader.launch import ModelServer, started
from workshop.processes import ROOT

REFERENCE = "demos.demo_3_caching.app:build"
NAMES = [check.name for check in CHECKLIST.checks]

# The starter passes these without any change: it stores nothing, so it stores nothing wrong.
GIVEN = {"sampled", "errors_not_kept", "leader_leaves"}

# The checks that each mutant must fail. It must pass all other quick checks, and the slow ones close to its fault.
MUTANTS: dict[str, set[str]] = {
    "ignores_the_temperature": {"key", "sampled"},
    "ignores_the_model": {"key"},
    "ignores_max_tokens": {"key"},
    "tidies_the_prompt": {"key"},
    "never_the_same_key": {
        "hit",
        "pays_once",
        "hit_is_free",
        "hit_speed",
        "key",
        "cache_control",
        "summaries",
        "stats",
    },
    "ignores_the_upstream": {"redis_lost"},
    "the_key_is_the_question": {"redis_lost"},
    "the_key_is_long": {"redis_lost"},
    "crosses_callers": {"callers"},
    "users_share": {"callers"},
    "stores_sampled_answers": {"sampled"},
    "stores_errors": {"errors_not_kept"},
    "ignores_cache_control": {"cache_control"},
    "ignores_no_store": {"cache_control"},
    "ttl_never_applied": {"ttl"},
    "ttl_begins_anew_with_each_use": {"ttl"},
    "ttl_half_as_long": {"ttl"},
    "keeps_the_first_answer": {"ttl"},
    "counts_what_has_expired": {"ttl"},
    "counts_no_expirations": {"ttl"},
    "unbounded": {"size_bound"},
    "counts_entries_and_not_bytes": {"size_bound"},
    "counts_bytes_and_not_entries": {"size_bound"},
    "counts_twice_what_is_put_twice": {"stats"},
    "counts_no_evictions": {"size_bound"},
    "keeps_what_is_too_large": {"size_bound"},
    "stats_in_kilobytes": {"stats"},
    "fifo_instead_of_lru": {"lru"},
    "stampede": {"single_flight"},
    "bills_the_whole_crowd": {"single_flight"},
    "waits_for_the_leader_that_left": {"leader_leaves"},
    "the_leader_takes_all_along": {"leader_leaves"},
    "flights_never_land": {"errors_not_kept", "ttl"},
    "bills_hits_again": {"hit_is_free"},
    "never_says_cached": {"hit"},
    "slow_hits": {"hit_speed"},
    "renews_every_hit": {"pays_once"},
    "one_cache_for_all": {"summaries"},
    "stats_that_flatter": {"stats"},
    "forgets_all_after_a_failure": {"dead_upstream"},
    "keeps_to_itself": {"redis_lost"},
    "fails_without_redis": {"redis_lost"},
}

SLOW = {"callers", "ttl", "size_bound", "lru", "single_flight", "leader_leaves", "dead_upstream", "redis_lost"}

# Slow checks close to a mutant's fault, which it must pass nevertheless.
NEIGHBOURS: dict[str, set[str]] = {
    "unbounded": {"lru"},
    "fifo_instead_of_lru": {"size_bound"},
    "stampede": {"leader_leaves"},
    "waits_for_the_leader_that_left": {"single_flight"},
    "the_leader_takes_all_along": {"single_flight"},
    "stores_errors": {"dead_upstream"},
    "ttl_never_applied": {"size_bound"},
}


class TestDemo3(Exam):
    checklist = CHECKLIST
    reference = REFERENCE
    exercise = "demos.demo_3_caching.exercise.app:build"
    solved = "tests.demo_3.solved:build"
    mutants_in = "tests.demo_3.mutants"
    tasks = set(NAMES) - GIVEN
    looked_at_when_solved = frozenset(NAMES)
    mutants = MUTANTS
    near = NEIGHBOURS
    always = set(NAMES) - SLOW
    as_demo_1 = CHECKLIST.environment


def test_every_check_is_named_in_the_exercise() -> None:
    from demos.demo_3_caching.exercise import cache

    tasks = " ".join(part.__doc__ or "" for part in (cache.cache_key, cache.Store, cache.SingleFlight))
    assert not [name for name in NAMES if name not in tasks and name != "sampled"]


def test_a_running_service_with_limits_is_graded_by_callers_with_tokens(server: ModelServer) -> None:
    with started(REFERENCE, server, {}) as subject:
        told = {"TIMEOUT": "2", "RETRY_DELAY": "0.1", "OPENAI_API_KEY": server.key, "LOG_FILE": str(subject.log.path)}
        tokens = " ".join(caller.token for caller in subject.callers(2, rested=False))
        command = [sys.executable, "-m", "workshop.grader", "3", "--url", subject.service.url, "--upstream", server.url]
        for given, score in (
            (tokens, "Score: 16/16 (4 points not graded)"),
            ("", "make tokens, and set TOKENS to them"),
        ):
            environment = {**os.environ, **told, "TOKENS": given}
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            assert score in done.stdout, done.stdout + done.stderr
