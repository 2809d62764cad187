"""The labs are fit for a room: minutes, answers, a quiz, a cheat sheet, and what comes next.

In: each lab that has an ANSWERS.md beside it. Starts nothing; each lab's commands are run by tests/demo_N/test_lab.py.
"""

import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.outcome import Outcome
from shared.pipeline.reply import Completion
from tests import labs
from workshop.processes import ROOT

EVERY_LAB = sorted(ROOT.glob("demos/demo_*/README.md"))
LABS = [lab for lab in EVERY_LAB if lab.with_name("ANSWERS.md").exists()]
each_lab = pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.parent.name)

STEP = re.compile(r"^## (\d+ · .+)\n", re.MULTILINE)
QUIZ = re.compile(r"^### Quiz (\d+) · .+\?$", re.MULTILINE)
QUESTIONS = 5
# The variables of a cheat sheet, for exercises that are parts of a gateway. tests/demo_6/test_lab.py has the other.
SHOWN = {"call": Call, "request": ChatRequest, "outcome": Outcome, "reply": Completion}
NAMED = re.compile(r"\b(call|request|outcome|reply)((?:\.\w+)+)")


def sections(text: str) -> dict[str, str]:
    """A page's steps by their headings."""
    pieces = STEP.split(text)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def names_of(kind: type) -> dict[str, Any]:
    """What a value of this type has, by name, with the type of each."""
    methods = {name: getattr(part, "fget", part) for name, part in vars(kind).items()}
    returned = {name: get_type_hints(method).get("return") for name, method in methods.items() if callable(method)}
    return {**returned, **get_type_hints(kind)}


def test_there_are_labs_to_look_at() -> None:
    assert len(LABS) >= 3


@each_lab
def test_each_question_of_a_lab_has_an_answer_with_the_same_number_and_title(lab: Path) -> None:
    more = lab.with_name("MORE.md")  # a lab's optional steps may have a page of their own
    steps = {**sections(lab.read_text()), **(sections(more.read_text()) if more.exists() else {})}
    asked = [title for title, text in steps.items() if "**Ask yourself:**" in text]
    answers = sections(lab.with_name("ANSWERS.md").read_text())
    assert asked
    assert list(answers) == asked
    assert all(len(text.split("# Quiz")[0].split()) > 5 for text in answers.values())


@each_lab
def test_a_lab_has_five_quiz_questions_whose_answers_are_run(lab: Path) -> None:
    _, *questions = QUIZ.split(lab.with_name("ANSWERS.md").read_text())
    assert questions[::2] == [str(number) for number in range(1, QUESTIONS + 1)]
    for text in questions[1::2]:
        assert [step for step in labs.steps_of(text) if step.expected]


@each_lab
def test_a_lab_says_how_long_each_step_takes(lab: Path) -> None:
    text = lab.read_text()
    table = re.search(r"^\| step \|(.+)\|\n.+\n\| minutes \|(.+)\|$", text, re.MULTILINE)
    total = re.search(r"^About (\d+) minutes; (\d+) without the optional steps", text, re.MULTILINE)
    assert table, "no table of minutes"
    assert total, "no sum of minutes"
    steps, minutes = ([cell.strip() for cell in row.split("|")] for row in table.groups())
    assert steps == [title.partition(" ")[0] for title in sections(text)]
    assert sum(int(cell.strip("*")) for cell in minutes) == int(total[1])
    assert sum(int(cell) for cell in minutes if "*" not in cell) == int(total[2])


@each_lab
def test_your_turn_comes_before_the_code_that_shows_the_solution(lab: Path) -> None:
    titles = [title.partition(" · ")[2] for title in sections(lab.read_text())]
    assert titles.index("Your turn") < titles.index("Read the code")


@each_lab
def test_a_lab_ends_with_the_command_that_starts_the_next_one(lab: Path) -> None:
    after = EVERY_LAB[EVERY_LAB.index(lab) + 1 :]
    if not after:
        pytest.skip("this is the last lab")
    starts = [command for command in labs.console_commands(after[0]) if re.search(r"\bmake demo-\d$", command)]
    assert labs.console_commands(lab)[-1] == starts[0]


@each_lab
def test_everything_on_the_cheat_sheet_exists(lab: Path) -> None:
    hints = (lab.parent / "exercise" / "HINTS.md").read_text()
    sheet = hints.partition("```python\n")[2].partition("```")[0]
    code = [line.partition("#")[0] for line in sheet.splitlines()]
    assert len(code) == 10
    if lab.parent.name.startswith("demo_6"):
        return
    for variable, path in NAMED.findall("\n".join(code)):
        kind: type = SHOWN[variable]
        for name in path.split(".")[1:]:
            assert name in names_of(kind), f"{variable}{path}: {kind.__name__} has no {name}"
            kind = names_of(kind)[name]


@each_lab
def test_a_lab_points_to_its_answers_and_to_the_glossary(lab: Path) -> None:
    top = lab.read_text().partition("\n## ")[0]
    assert "(ANSWERS.md)" in top
    assert "docs/glossary.md" in top
