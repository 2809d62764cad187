"""The lab of demo 5 runs as written: every command of its pages, against the `make demo-5` that precedes it."""

import re
import shlex

import pytest

from tests import labs, optional_steps
from tests.demo_5.test_demo_5 import TASKS
from workshop.drills.catalogue import DRILLS
from workshop.drills.drill import Drill
from workshop.drills.questions import LETTERS, Alert, Choice, Question, Word
from workshop.grader.checks.demo_5 import CHECKLIST
from workshop.processes import ROOT
from workshop.translation import LANGUAGES, in_language
from workshop.translation.phrases import in_words

FOLDER = ROOT / "demos" / "demo_5_observability"
README, MORE, ANSWERS = FOLDER / "README.md", FOLDER / "MORE.md", FOLDER / "ANSWERS.md"
PAGES = (README, MORE, ANSWERS, FOLDER / "exercise" / "HINTS.md", ROOT / "slides" / "demo_5_observability.md")
A_FEW_WORDS = 20  # characters; a shorter option, such as “the upstream”, is a phrase of every page


class TestLab(labs.LabTests):
    number = 5
    page = README
    parts = labs.with_answers(labs.parts_of(README.read_text(), 5), README)
    checklist = CHECKLIST
    proof = "what must be true"
    proof_page = MORE


class TestMore(labs.PageTests):
    number = 5
    page = MORE
    parts = labs.parts_of(MORE.read_text(), 5)


class TestOptionalSteps(optional_steps.OptionalStepsTests):
    number = 5
    folder = FOLDER
    tasks = TASKS


def test_the_lab_names_every_drill() -> None:
    drills = re.findall(r"^\$ make drill-(\S+)$", README.read_text() + MORE.read_text(), re.MULTILINE)
    assert set(drills) == {*DRILLS, "answer"}


def test_the_first_drill_is_in_the_middle_of_the_way_that_everybody_goes() -> None:
    way = [step for step in optional_steps.sections(README) if not step.optional]
    drill = next(number for number, step in enumerate(way) if "make drill-" in step.text)
    assert len(way) / 4 < drill < len(way) * 3 / 4


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("drill", DRILLS.values(), ids=list(DRILLS))
def test_no_page_gives_an_answer_of_a_drill_away(drill: Drill, language: str) -> None:
    pages = [page for page in (in_language(page, language) for page in PAGES) if page.exists()]
    assert len(pages) > 3
    for page in pages:
        text = " ".join(page.read_text().split())
        for question in drill.questions:
            if isinstance(question, Choice | Word | Alert):
                assert in_words(question.why, language) not in text
            if isinstance(question, Choice):
                right = in_words(question.options[question.right], language)
                assert len(right) <= A_FEW_WORDS or right not in text
        for example in re.findall(r'ANSWERS="([^"]*)"', text):
            assert not any(map(is_right, drill.questions, shlex.split(example)))


def is_right(question: Question, answer: str) -> bool:
    """Is it right whatever the metrics say? A number or a word is not."""
    if isinstance(question, Choice):
        return answer == LETTERS[question.right]
    return isinstance(question, Alert) and answer in question.fitting
