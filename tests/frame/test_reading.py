"""The code that the labs ask people to read: it exists, and is short enough for the time."""

import re
from pathlib import Path

import pytest

from slides.regions import read_region, read_source
from workshop.processes import ROOT

LABS = sorted(ROOT.glob("demos/demo_*/README.md"))
PAGES = [*LABS, *sorted(ROOT.glob("demos/demo_*/MORE.md"))]
MOST_LINES = 200
NAMED = re.compile(r"`([\w/.]+)(?:#([\w-]+))?`")


def section(lab: Path) -> str:
    found = re.search(r"^## \d+ · Read the code\n(.*?)^## ", lab.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{lab} has no section on its code"
    return found[1]


def rows(text: str) -> list[tuple[str, str]]:
    """The files and regions in the tables of files."""
    tables = re.findall(r"^\| (?:read|file) \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [named for table in tables for row in table.splitlines() for named in NAMED.findall(row.split("|")[1])]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.parent.name)
def test_the_reading_list_of_a_lab_is_short(lab: Path) -> None:
    first = rows(section(lab).partition("If you are curious")[0])
    assert first
    texts = [read_region(ROOT / path, region) if region else read_source(ROOT / path) for path, region in first]
    lines = sum(len(text.splitlines()) for text in texts)
    assert lines < MOST_LINES, f"{lines} lines"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_every_file_that_a_lab_names_exists(page: Path) -> None:
    folder = ROOT
    named = rows(page.read_text())
    assert named
    for path, _ in named:
        folder = (ROOT / path).parent if "/" in path.rstrip("/") else folder
        assert (ROOT / path).exists() or (folder / path).exists(), path
