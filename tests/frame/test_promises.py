"""A table of promises reports promises that are missing, stale or not broken by any mutant."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.promises import Promises, checks_named_in, comments

LIMIT = """Task 1. A prompt of more than `max_chars` characters goes no
further. Exactly `max_chars` is fine.
Checks: input_limit, load; no_retry and health must stay as they are.
"""
BROKEN_BY = {
    "A prompt of more than `max_chars` characters goes no further.": ["off_by_one"],
    "Exactly `max_chars` is fine.": ["too_low"],
}
LOST_BY = {"off_by_one": {"input_limit"}, "too_low": {"input_limit", "load"}, "elsewhere": {"cost"}}


def faults(text: str = LIMIT, more: Mapping[str, Sequence[str]] = MappingProxyType({})) -> list[str]:
    return Promises({"InputLimit": text}, {**BROKEN_BY, **more}).faults(LOST_BY)


def test_a_table_that_quotes_everything_is_without_fault() -> None:
    assert faults() == []


def test_a_sentence_without_a_mutant_is_a_fault() -> None:
    assert faults(LIMIT.replace("Checks:", "An emoji counts once. Checks:")) == [
        "InputLimit: no mutant breaks “An emoji counts once.”"
    ]


def test_an_explanation_needs_no_mutant() -> None:
    more = {"InputLimit": LIMIT.replace("Checks:", "Stuck? HINTS.md. Checks:")}
    assert Promises(more, BROKEN_BY, ["Stuck? HINTS.md."]).faults(LOST_BY) == []


def test_a_quote_that_is_in_no_docstring_is_a_fault() -> None:
    assert faults(more={"Bytes count.": ["off_by_one"]}) == ["“Bytes count.” is in no docstring"]


def test_a_promise_without_a_mutant_or_with_an_unknown_one_is_a_fault() -> None:
    quote = "Exactly `max_chars` is fine."
    assert faults(more={quote: []}) == [f"“{quote}” has no mutant"]
    assert faults(more={quote: ["gone"]}) == [f"“{quote}”: there is no mutant gone"]


def test_a_mutant_that_loses_none_of_the_checks_named_beside_its_promise_is_a_fault() -> None:
    quote = "Exactly `max_chars` is fine."
    (fault,) = faults(more={quote: ["elsewhere"]})
    assert fault.startswith(f"“{quote}”: elsewhere loses none of health, input_limit, load, no_retry")


def test_checks_are_named_after_one_word_and_may_have_to_stay() -> None:
    assert checks_named_in(LIMIT) == {"input_limit", "load", "no_retry", "health"}
    assert checks_named_in("Check: cost.") == {"cost"}


def test_comments_of_yaml_are_texts_too(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text("# Keep the promise.\n# Checks: slo.\nmin: 1  # not this\n")
    assert comments(file)[file.name].split() == ["Keep", "the", "promise.", "Checks:", "slo."]
