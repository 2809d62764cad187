"""The checks of demo 3, checked: starter and mutants lose what they must.

That the reference passes them all, `make grade-3` says in the lab: test_lab.py.
"""

import os
import subprocess
import sys

import pytest

from tests.demo_1.checks import CHECKLIST as DEMO_1
from tests.demo_3.checks import CHECKLIST
from tests.grader import report
from tests.grader.grading import Status, run
from tests.grader.stand import ModelServer, started
from tests.services import Start
from workshop.processes import ROOT

REFERENCE = "demos.demo_3_caching.app:build"
NAMES = [check.name for check in CHECKLIST.checks]

# What the starter passes without a line of its own: it keeps nothing, so it keeps nothing wrong.
GIVEN = {"sampled", "errors_not_kept", "leader_leaves"}

# Who is wrong in what. Each must pass the quick checks besides, and the slow ones that are next to its fault.
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

# Slow checks that a mutant's fault is near to, and that it must pass all the same.
NEIGHBOURS: dict[str, set[str]] = {
    "unbounded": {"lru"},
    "fifo_instead_of_lru": {"size_bound"},
    "stampede": {"leader_leaves"},
    "waits_for_the_leader_that_left": {"single_flight"},
    "the_leader_takes_all_along": {"single_flight"},
    "stores_errors": {"dead_upstream"},
    "ttl_never_applied": {"size_bound"},
}


@pytest.mark.parametrize("name", [check.name for check in DEMO_1.checks])
def test_a_cache_takes_nothing_away_of_what_demo_1_proved(name: str, service: Start) -> None:
    result = run(DEMO_1[name], service(REFERENCE))
    assert result.status is Status.PASSED, report.failure(result)


@pytest.mark.parametrize("name", NAMES)
def test_the_starter_fails_its_tasks_and_nothing_else(name: str, service: Start) -> None:
    result = run(CHECKLIST[name], service("demos.demo_3_caching.exercise.app:build"))
    assert result.status is (Status.PASSED if name in GIVEN else Status.FAILED), report.line(result)
    if name not in GIVEN:
        assert all([result.expected, result.got, "localhost:8000" in result.curl]), result


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_solved_as_the_hints_say_passes(name: str, service: Start) -> None:
    result = run(CHECKLIST[name], service("tests.demo_3.solved:build"))
    assert result.status is Status.PASSED, report.failure(result)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_loses_the_points_of_its_fault_and_no_others(mutant: str, server: ModelServer) -> None:
    looked_at = (set(NAMES) - SLOW) | MUTANTS[mutant] | NEIGHBOURS.get(mutant, set())
    with started(f"tests.demo_3.mutants:{mutant}", server, CHECKLIST.environment) as subject:
        results = [run(check, subject) for check in CHECKLIST.checks if check.name in looked_at]
    lost = {result.check.name for result in results if result.status is Status.FAILED}
    assert lost == MUTANTS[mutant], "\n".join(report.line(result) for result in results)


def test_every_check_is_lost_by_some_mutant() -> None:
    assert set(NAMES) == set().union(*MUTANTS.values())


def test_every_check_is_named_in_the_exercise() -> None:
    from demos.demo_3_caching.exercise import cache

    tasks = " ".join(part.__doc__ or "" for part in (cache.cache_key, cache.Store, cache.SingleFlight))
    assert not [name for name in NAMES if name not in tasks and name != "sampled"]


def test_there_are_twenty_points() -> None:
    assert sum(check.points for check in CHECKLIST.checks) == 20


def test_a_service_that_runs_with_its_limits_is_graded_as_somebody_with_a_token(server: ModelServer) -> None:
    with started(REFERENCE, server, {}) as subject:
        told = {"TIMEOUT": "2", "RETRY_DELAY": "0.1", "OPENAI_API_KEY": server.key, "LOG_FILE": str(subject.log.path)}
        tokens = " ".join(caller.token for caller in subject.callers(2, rested=False))
        command = [sys.executable, "-m", "tests.grader", "3", "--url", subject.service.url, "--upstream", server.url]
        for given, score in (
            (tokens, "Score: 16/16 (4 points not graded)"),
            ("", "make tokens, and set TOKENS to them"),
        ):
            environment = {**os.environ, **told, "TOKENS": given}
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            assert score in done.stdout, done.stdout + done.stderr
