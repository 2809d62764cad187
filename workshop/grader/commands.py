"""Answers with other commands than their own: what a report shows is what made the answer, crowds and orders included.

In: answers. Out: the same, with another `curl`.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from workshop.grader.service import Answer


def ask_many(ask: Callable[[int], Answer], size: int, at_once: int = 0) -> list[Answer]:
    """`size` of these, all at the same time unless told otherwise."""
    with ThreadPoolExecutor(at_once or size, thread_name_prefix="crowd") as pool:
        return list(pool.map(ask, range(size)))


def as_crowd(answer: Answer, size: int) -> Answer:
    """An answer whose command asks for many at once."""
    return shown_as(answer, lambda command: f"for i in $(seq {size}); do {command} & done; wait")


def shown_as(answer: Answer, write: Callable[[str], str]) -> Answer:
    """An answer, with another command than its own between the order of a fault and its end."""
    lines = [write(line) if " -X POST" in line else line for line in answer.curl.split("\n")]
    return replace(answer, curl="\n".join(lines))


def in_order(*answers: Answer) -> Answer:
    """The last of these, with the commands of all of them."""
    lines = [line for answer in answers for line in answer.curl.split("\n")]
    said_before = [line.startswith("#") and line in lines[:number] for number, line in enumerate(lines)]
    shown = "\n".join(line for line, twice in zip(lines, said_before, strict=True) if not twice)
    return replace(answers[-1], curl=shown)


def then(answer: Answer, command: str) -> Answer:
    """An answer, with a further command that shows what came of it."""
    return replace(answer, curl=f"{answer.curl}\n{command}")
