"""A lab's pages for a room: the minutes of its steps, the optional steps in MORE.md, answers and a quiz in ANSWERS.md.

In: the folder of a demo whose lab is cut this way. Out: its steps, and the tests that all such labs must pass.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.labs import FENCE, commands_after_dollar

STEP = re.compile(
    r"^## (\d+) · ([^\n]+)\n\n\*(\d+) min · (must do|optional)\*\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)
HEADING = re.compile(r"^## (\d+) · (.+)$", re.MULTILINE)
QUIZ = re.compile(r"^### Quiz (\d+)\n(.*?)(?=^### |\Z)", re.MULTILINE | re.DOTALL)
ASKS = "**Ask yourself:**"
WORDS_A_MINUTE = 180
MINUTES_A_BLOCK = 0.5  # to copy a block of commands, and to look at what it prints
LONGEST = 60  # minutes for the steps that everybody does
MOST_WORDS = 2000
QUESTIONS = 5


@dataclass(slots=True, frozen=True)
class Section:
    """A step of a lab."""

    number: int
    title: str
    minutes: int
    must: bool
    text: str

    @property
    def least_minutes(self) -> float:
        """The time to read it and to copy its commands, without a thought about them."""
        return len(FENCE.sub("", self.text).split()) / WORDS_A_MINUTE + MINUTES_A_BLOCK * len(FENCE.findall(self.text))


def sections(page: Path) -> list[Section]:
    """The page's steps. Each must say its minutes, and whether everybody does it."""
    text = page.read_text()
    found = [Section(int(n), title, int(m), kind == "must do", rest) for n, title, m, kind, rest in STEP.findall(text)]
    assert [(str(one.number), one.title) for one in found] == HEADING.findall(text)
    return found


def minutes(steps: Sequence[Section], *, must: bool) -> int:
    return sum(step.minutes for step in steps if step.must is must)


class RoomTests:
    """A subclass in a demo's test_lab.py names the folder, and the checks that its starter fails."""

    folder: Path
    tasks: Collection[str]

    @property
    def lab(self) -> list[Section]:
        return sections(self.folder / "README.md")

    @property
    def more(self) -> list[Section]:
        return sections(self.folder / "MORE.md")

    def test_the_steps_of_both_pages_are_numbered_in_one_row(self) -> None:
        assert [step.number for step in [*self.lab, *self.more]] == list(range(1, len(self.lab) + len(self.more) + 1))

    def test_the_way_that_everybody_goes_takes_an_hour_at_most(self) -> None:
        assert minutes(self.lab, must=True) <= LONGEST
        assert not any(step.must for step in self.more)
        assert len((self.folder / "README.md").read_text().split()) <= MOST_WORDS

    def test_the_pages_say_how_long_their_steps_take_in_all(self) -> None:
        said = re.findall(
            r"(\d+)( optional)?\sminutes|optional step here (\d+)", (self.folder / "README.md").read_text()
        )
        must, optional = minutes(self.lab, must=True), minutes(self.lab, must=False)
        more = minutes(self.more, must=False)
        assert said[:3] == [(str(must), "", ""), ("", "", str(optional)), (str(more), " optional", "")]
        assert f": {more} minutes in all" in (self.folder / "MORE.md").read_text()

    def test_every_step_takes_at_least_the_time_to_read_it(self) -> None:
        hurried = {
            step.title: step.least_minutes for step in [*self.lab, *self.more] if step.least_minutes > step.minutes
        }
        assert not hurried

    def test_people_write_their_own_before_they_read_ours(self) -> None:
        titles = [step.title for step in self.lab]
        assert titles.index("Your turn") < titles.index("Read the code")

    def test_the_lab_says_which_task_wins_which_checks_and_how_long_it_takes(self) -> None:
        (turn,) = [step for step in self.lab if step.title == "Your turn"]
        rows = [line for line in turn.text.splitlines() if re.match(r"\| \d", line)]
        assert {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[4])} == self.tasks
        assert sum(int(row.split("|")[3]) for row in rows if "optional:" not in row) == turn.minutes

    def test_the_last_step_says_how_the_next_lab_begins(self) -> None:
        last = self.lab[-1]
        assert last.title == "What comes next"
        (following,) = re.findall(r"\]\((\.\./demo_\w+/README\.md)\)", last.text)
        first_step = (self.folder / following).read_text().partition("\n## 2 ")[0]
        *_, command = commands_after_dollar(last.text)
        assert command in commands_after_dollar(first_step)

    def test_every_question_of_the_lab_has_an_answer_under_the_same_heading(self) -> None:
        asked = [(str(step.number), step.title) for step in [*self.lab, *self.more] if ASKS in step.text]
        answers = (self.folder / "ANSWERS.md").read_text()
        assert asked
        assert HEADING.findall(answers) == asked
        assert all(len(text.split()) > 20 for text in re.split(r"^## .*$", answers, flags=re.MULTILINE)[1:])

    def test_the_pages_lead_to_the_answers(self) -> None:
        for page in ("README.md", "MORE.md"):
            assert "(ANSWERS.md)" in (self.folder / page).read_text()

    def test_the_quiz_has_five_questions_whose_answers_are_run(self) -> None:
        quiz = QUIZ.findall((self.folder / "ANSWERS.md").read_text().partition("\n## Quiz\n")[2])
        assert [int(number) for number, _ in quiz] == list(range(1, QUESTIONS + 1))
        for _, text in quiz:
            question, _, folded = text.partition("<details><summary>Run the answer</summary>\n\n")
            assert "?" in question
            assert FENCE.findall(question) == []
            assert [language for language, _ in FENCE.findall(folded)] == ["bash", "text"]
            assert folded.rstrip().endswith("</details>")
