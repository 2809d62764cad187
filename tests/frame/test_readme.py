"""The README and the docs are true: commands run, files and anchors exist, and features name existing tests."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import labs
from workshop.processes import ROOT
from workshop.tracked import tracked

README = ROOT / "README.md"
TEXT = README.read_text()
STEPS = labs.read_steps(README)
MOST_WORDS = 1200
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "slides" / "teaching.md", *sorted((ROOT / "docs").glob("*.md"))]
EVERY_PAGE = tracked("*.md")

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"""(?:\]\(|src="|srcset=")(?!https?://|mailto:)([^)"\s]*)[)"]""")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TARGET = re.compile(r"`(?:[A-Z_]+=\S+ )?make ([a-z]+(?:-\d)?)[` ]")
EXAMPLE = "blocked_words"  # the layer that a reader of CONTRIBUTING.md writes
FILE = re.compile(r"`((?:shared|tests|serving|slides|demos|loadtests|workshop|docs)/[\w./]*)`")

# Commands that cannot run here as written, and the tests that run them instead.
DEMO = "tests/frame/test_demo.py"
RUN_ELSEWHERE = {
    "make demo-1": DEMO,
    "make test": ".ci/run",
    "OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=… MODEL=gpt-4o-mini make demo-1": DEMO,
    "OPENAI_BASE_URL=http://vllm.internal:8000/v1 MODEL=google/medgemma-27b make demo-1": DEMO,
    "OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=… MODEL=gpt-4o-mini "
    "FALLBACKS=gpt-4o,@http://vllm.internal:8000/v1 make demo-4": "tests/resilience/test_fallbacks.py",
    'UPSTREAMS="http://gpu-1:8000/v1,http://gpu-2:8000/v1 weight=2" MODEL=google/medgemma-27b make demo-4': DEMO,
}


def prose(text: str) -> str:
    """The text that people read word by word: no code, no tables."""
    return "\n".join(line for line in FENCED.sub("", text).splitlines() if not line.startswith(("|", "<!--")))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    bare = [re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)) for heading in headings]
    return {heading.strip().lower().replace(" ", "-") for heading in bare}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[labs.Lab]:
    with labs.started(1, tmp_path_factory.mktemp("readme")) as lab:
        yield lab


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_a_command_of_the_readme_runs_as_written(step: labs.Step, lab: labs.Lab) -> None:
    lab.run(step)


def test_every_other_command_is_run_by_a_test_that_is_there() -> None:
    commands = {command for page in (README, ROOT / "docs" / "operating.md") for command in labs.console_commands(page)}
    assert commands == set(RUN_ELSEWHERE)
    assert all((ROOT / path).is_file() for path in RUN_ELSEWHERE.values())


def test_the_readme_is_short_enough_to_read_to_its_end() -> None:
    assert len(prose(TEXT).split()) <= MOST_WORDS


def test_the_pages_name_enough_to_be_looked_through() -> None:
    text = "".join(page.read_text() for page in PAGES)
    assert len(LINK.findall(TEXT)) > 20
    assert len(set(FILE.findall(text))) > 20
    assert len(set(TARGET.findall(text))) > 5


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_and_anchor_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCED.sub("", page.read_text())):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: there is no {path}"
        if anchor:
            assert anchor in anchors(target), f"{link}: {target.name} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = [path for path in FILE.findall(page.read_text()) if EXAMPLE not in path]
    assert not [path for path in named if not (ROOT / path).exists()]


def test_a_feature_names_the_file_that_has_it_and_what_proves_it() -> None:
    rows = [line for line in (ROOT / "docs" / "features.md").read_text().splitlines() if line.startswith("| ")]
    features = [row for row in rows if not row.startswith(("| feature", "|---"))]
    assert len(features) > 50
    for feature in features:
        _, where, proof = feature.strip("| ").split(" | ")
        assert "`" in where or where == "everywhere"
        assert re.search(r"`tests/|checks? `|`make |`workshop/grader/", proof), feature


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_target_that_a_page_names_is_there(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(TARGET.findall(page.read_text())):
        rule = re.sub(r"\d$", "%", target)
        assert re.search(rf"^{re.escape(rule)}:", makefile, re.MULTILINE), f"no target {target}"
