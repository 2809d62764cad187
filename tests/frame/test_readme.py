"""The README is true: its commands run, its files exist, its features name tests that are there."""

import re
from collections.abc import Iterator

import pytest

from tests import labs
from workshop.processes import ROOT

README = ROOT / "README.md"
TEXT = README.read_text()
STEPS = labs.read_steps(README)

# Commands that a block of their own cannot run here, and the test that runs them instead.
DEMO = "tests/frame/test_demo.py"
RUN_ELSEWHERE = {
    "make demo-1": DEMO,
    "make test": ".ci/run",
    "OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=… MODEL=gpt-4o-mini make demo-1": DEMO,
    "OPENAI_BASE_URL=http://vllm.internal:8000/v1 MODEL=google/medgemma-27b make demo-1": DEMO,
    "OPENAI_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=… MODEL=gpt-4o-mini "
    "FALLBACKS=gpt-4o,@http://vllm.internal:8000/v1 make demo-4": "tests/resilience/test_fallbacks.py",
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[labs.Lab]:
    with labs.started(1, tmp_path_factory.mktemp("readme")) as lab:
        yield lab


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.title)
def test_a_command_of_the_readme_runs_as_written(step: labs.Step, lab: labs.Lab) -> None:
    lab.run(step)


def test_every_other_command_is_run_by_a_test_that_is_there() -> None:
    assert set(labs.console_commands(README)) == set(RUN_ELSEWHERE)
    assert all((ROOT / path).is_file() for path in RUN_ELSEWHERE.values())


def test_every_file_that_the_readme_names_is_there() -> None:
    linked = re.findall(r"\]\((?!https?://|#)([^)]+)\)", TEXT)
    named = re.findall(r"`((?:shared|tests|serving|slides|demos|loadtests|workshop)/[\w./]*)`", TEXT)
    assert len(linked) + len(named) > 20
    assert not [path for path in [*linked, *named] if not (ROOT / path).exists()]


def test_every_make_target_that_the_readme_names_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z]+(?:-\d)?)[` ]", TEXT))
    assert len(targets) > 5
    for target in targets:
        rule = re.sub(r"\d$", "%", target)
        assert re.search(rf"^{re.escape(rule)}:", makefile, re.MULTILINE), f"no target {target}"
