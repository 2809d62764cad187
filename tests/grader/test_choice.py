"""ONLY= takes names of checks, and remembers the failed ones."""

from pathlib import Path

import pytest

from workshop.grader.check import Check
from workshop.grader.choice import BadChoice, chosen, remember
from workshop.grader.grading import Result, Status
from workshop.grader.subject import Subject


def looks(subject: Subject) -> None:
    return


NAMES = ["retries", "backoff", "cost", "health"]
CHECKS = [Check(name, 1, name, looks) for name in NAMES]


def names(only: str, memory: Path) -> list[str]:
    return [check.name for check in chosen(only, CHECKS, memory)]


def result(name: str, status: Status) -> Result:
    return Result(CHECKS[NAMES.index(name)], status)


@pytest.mark.parametrize("only", ["cost,retries", "cost retries", " retries ,cost, ", "cost,cost,retries"])
def test_names_are_separated_by_commas_or_spaces_and_run_in_the_checklists_order(only: str, tmp_path: Path) -> None:
    assert names(only, tmp_path / "none") == ["retries", "cost"]


@pytest.mark.parametrize("only", ["", " ", ","])
def test_without_names_all_checks_run(only: str, tmp_path: Path) -> None:
    assert names(only, tmp_path / "none") == NAMES


def test_for_an_unknown_name_similar_ones_are_suggested(tmp_path: Path) -> None:
    with pytest.raises(BadChoice, match=r"^ONLY=cost,backof: there is no check backof; did you mean backoff\?$"):
        names("cost,backof", tmp_path / "none")
    with pytest.raises(BadChoice, match=r"no check zzz; there are retries, backoff, cost, health$"):
        names("zzz", tmp_path / "none")


def test_failed_means_the_last_failures_and_keeps_those_that_were_not_run_since(tmp_path: Path) -> None:
    memory = tmp_path / "grades" / "demo-1.json"
    assert names("failed", memory) == NAMES  # nothing is remembered
    remember(memory, [result("retries", Status.FAILED), result("cost", Status.FAILED), result("health", Status.PASSED)])
    assert names("failed", memory) == ["retries", "cost"]
    assert names("failed,health", memory) == ["retries", "cost", "health"]
    remember(memory, [result("cost", Status.PASSED), result("backoff", Status.NOT_GRADED)])
    assert names("failed", memory) == ["retries"]
    remember(memory, [result("retries", Status.PASSED)])
    assert names("failed", memory) == NAMES


@pytest.mark.parametrize("text", ["", "{", "7", '["gone", 7]'])
def test_a_malformed_memory_is_ignored(text: str, tmp_path: Path) -> None:
    memory = tmp_path / "demo-1.json"
    memory.write_text(text)
    assert names("failed", memory) == NAMES
