"""What make and bash run also runs on a Mac: GNU make 3.81 and bash 3.2 are the newest that macOS has."""

import re
from pathlib import Path

import pytest

from workshop.processes import ROOT
from workshop.tracked import tracked

# What came later, with the version that brought it.
NEWER_BASH = {
    "associative array (4.0)": r"\b(declare|local|typeset)\s+-\w*A",
    "name reference (4.3)": r"\b(declare|local|typeset)\s+-\w*n\b",
    "mapfile (4.0)": r"\b(mapfile|readarray)\b",
    "case conversion (4.0)": r"\$\{\w+(\^|,)",
    "&>> and |& (4.0)": r"&>>|\|&",
    "coproc (4.0)": r"\bcoproc\b",
    "wait -n (4.3)": r"\bwait\s+-\w*[np]",
    "last element by -1 (4.3)": r"\$\{\w+\[-\d",
    "test -v (4.2)": r"\[\[?\s+-v\s",
    "quoting by @Q (4.4)": r"\$\{\w+@\w\}",
    "EPOCHSECONDS (5.0)": r"\bEPOCH(SECONDS|REALTIME)\b",
    "globstar (4.0)": r"\bshopt\s+-s\s+\w*globstar",
}
NEWER_MAKE = {
    ".ONESHELL (3.82)": r"^\.ONESHELL",
    "undefine and private (3.82)": r"^\s*(undefine|private)\b",
    "!= and ::= (4.0)": r"^\s*\w+\s*(!=|::=|:::=)",
    "$(file …) (4.0)": r"\$\(file\b",
    "$(guile …), $(let …), $(intcmp …) (4.0, 4.4)": r"\$\((guile|let|intcmp)\b",
    "grouped targets (4.3)": r"^\S.*&:(?!=)",
    "--output-sync (4.0)": r"--output-sync|\s-O\b",
}
SCRIPTS = sorted(
    path for path in tracked() if path.suffix == ".sh" or path in (ROOT / "Makefile", ROOT / ".ci" / "run")
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_uses_nothing_that_macos_does_not_have(script: Path) -> None:
    text = script.read_text()
    newer = NEWER_BASH | (NEWER_MAKE if script == ROOT / "Makefile" else {})
    assert [what for what, pattern in newer.items() if re.search(pattern, text, re.MULTILINE)] == []


def test_there_are_scripts() -> None:
    assert {path.name for path in SCRIPTS} >= {"Makefile", "run", "with_python.sh"}


@pytest.mark.parametrize(("what", "line"), [("mapfile (4.0)", "mapfile -t a"), ("case conversion (4.0)", 'x="${y,,}"')])
def test_something_newer_is_found(what: str, line: str) -> None:
    assert re.search(NEWER_BASH[what], line)
