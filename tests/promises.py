"""The promises of an exercise, each with the mutants that break it.

An exercise's docstrings say what must be true. A demo's table (tests/demo_N/test_promises.py) quotes them promise by
promise, and names the mutants that break each. It quotes sentences that state no requirement as explanations. The
quotes must cover every word, so a new sentence without a mutant is a fault. Starts nothing: the demo's own tests prove
that each mutant loses its points.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

TASK = re.compile(r"Tasks? [\d, and]*\d\.")
CHECKS = re.compile(r"Checks?: ([^.]*)\.")
MUST_STAY = re.compile(r" must stay as (?:it is|they are)")
NAME = re.compile(r"\w+")
COVERED = "\0"


def docstrings(*modules: ModuleType) -> dict[str, str]:
    """All docstrings of these modules, by the name of the class or function; a module's own by the module's name."""
    found: dict[str, str] = {}
    for module in modules:
        tree = ast.parse(Path(module.__file__ or "").read_text())
        found[module.__name__.rpartition(".")[2]] = ast.get_docstring(tree) or ""
        for part in tree.body:
            if isinstance(part, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found[part.name] = "\n\n".join(_docstrings_in(part))
    return found


def comments(*files: Path) -> dict[str, str]:
    """The comments of these YAML files that take a whole line, by file name."""
    return {
        file.name: "\n".join(
            line.lstrip().removeprefix("#") for line in file.read_text().splitlines() if line.lstrip().startswith("#")
        )
        for file in files
    }


@dataclass(slots=True, frozen=True)
class Promises:
    """`texts`: the docstrings by part. `broken_by`: the words of each promise, with its mutants. `explains`: the rest.

    Quotes are verbatim, except for line breaks.
    """

    texts: Mapping[str, str]
    broken_by: Mapping[str, Sequence[str]]
    explains: Sequence[str] = ()

    def faults(self, lost_by: Mapping[str, Collection[str]]) -> list[str]:
        """The faults of this table, one sentence each; `lost_by` has the checks that each mutant fails."""
        return [*self._without_a_mutant(), *self._quoted_wrongly(), *self._broken_by_nobody(lost_by)]

    def _without_a_mutant(self) -> Iterator[str]:
        for part, text in self.texts.items():
            left = CHECKS.sub(COVERED, TASK.sub(COVERED, _flat(text)))
            for quote in sorted((*self.broken_by, *self.explains), key=len, reverse=True):
                left = _quoted(quote).sub(COVERED, left)
            yield from (
                f"{part}: no mutant breaks “{words.strip()}”" for words in left.split(COVERED) if NAME.search(words)
            )

    def _quoted_wrongly(self) -> Iterator[str]:
        for quote in (*self.broken_by, *self.explains):
            if not list(self._parts_of(quote)):
                yield f"“{quote}” is in no docstring"

    def _broken_by_nobody(self, lost_by: Mapping[str, Collection[str]]) -> Iterator[str]:
        for quote, mutants in self.broken_by.items():
            if not mutants:
                yield f"“{quote}” has no mutant"
            named = {check for part in self._parts_of(quote) for check in checks_named_in(self.texts[part])}
            for mutant in mutants:
                if mutant not in lost_by:
                    yield f"“{quote}”: there is no mutant {mutant}"
                elif named and not named & set(lost_by[mutant]):
                    yield f"“{quote}”: {mutant} loses none of {', '.join(sorted(named))}, which are named beside it"

    def _parts_of(self, quote: str) -> Iterator[str]:
        return (part for part, text in self.texts.items() if _quoted(quote).search(_flat(text)))


def checks_named_in(text: str) -> set[str]:
    """The checks in `Check: this.` and `Checks: these, those; that must stay as it is.`"""
    return {
        name.group()
        for found in CHECKS.finditer(_flat(text))
        for name in NAME.finditer(MUST_STAY.sub("", found[1]))
        if name.group() != "and"
    }


def _docstrings_in(part: ast.AST) -> Iterator[str]:
    for node in ast.walk(part):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def _flat(text: str) -> str:
    return " ".join(text.split())


def _quoted(quote: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(_flat(quote))}(?!\w)")
