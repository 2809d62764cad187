"""Answers with a new `curl` command: a report shows all that led to the answer, crowds and sequences included.

In: answers. Out: the same answers, with another `curl`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from workshop.grader.service import Answer


def ask_many(ask: Callable[[int], Answer], size: int, at_once: int = 0) -> list[Answer]:
    """`size` answers, all asked for at the same time unless `at_once` is smaller."""
    with ThreadPoolExecutor(at_once or size, thread_name_prefix="crowd") as pool:
        return list(pool.map(ask, range(size)))


def as_crowd(answer: Answer, size: int) -> Answer:
    """The answer, with a command that sends many requests at once."""
    return shown_as(answer, lambda command: f"for i in $(seq {size}); do {command} & done; wait")


def shown_as(answer: Answer, write: Callable[[str], str]) -> Answer:
    """The answer, with another command between the order of a fault and its end."""
    lines = [write(line) if " -X POST" in line else line for line in answer.curl.split("\n")]
    return replace(answer, curl="\n".join(lines))


def in_order(*answers: Answer) -> Answer:
    """The last answer, with the commands of all of them."""
    lines = [line for answer in answers for line in answer.curl.split("\n")]
    said_before = [line.startswith("#") and line in lines[:number] for number, line in enumerate(lines)]
    shown = "\n".join(line for line, twice in zip(lines, said_before, strict=True) if not twice)
    return replace(answers[-1], curl=shown)


def then(answer: Answer, command: str) -> Answer:
    """The answer, with a further command that shows what happened afterwards."""
    return replace(answer, curl=f"{answer.curl}\n{command}")
