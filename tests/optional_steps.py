"""A lab of an hour, whose optional steps are in MORE.md: what tests/frame/test_labs.py does not ask of every lab.

In: the folder of a demo whose lab is cut this way. Out: its steps, and the tests that all such labs must pass.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.labs import FENCE, steps_of

STEP = re.compile(r"^## (\d+) · ([^\n]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
MINUTES = re.compile(r"^\| step \|.+\|\n.+\n\| minutes \|(.+)\|$", re.MULTILINE)
WORDS_A_MINUTE = 180
MINUTES_A_BLOCK = 0.5  # to copy a block of commands, and to look at what it prints
MOST_WORDS = 2000


@dataclass(slots=True, frozen=True)
class Section:
    """A step of a lab."""

    number: int
    title: str
    text: str
    minutes: int
    optional: bool

    @property
    def least_minutes(self) -> float:
        """The time to read it and to copy its commands, without a thought about them."""
        return len(FENCE.sub("", self.text).split()) / WORDS_A_MINUTE + MINUTES_A_BLOCK * len(FENCE.findall(self.text))


def sections(page: Path) -> list[Section]:
    """The page's steps, with the minutes of the table at its top. Those in italics are optional."""
    text = page.read_text()
    table = MINUTES.search(text)
    assert table, f"{page} has no table of minutes"
    cells = [cell.strip() for cell in table[1].split("|")]
    return [
        Section(int(number), title, rest, int(cell.strip("*")), "*" in cell)
        for (number, title, rest), cell in zip(STEP.findall(text), cells, strict=True)
    ]


def total(steps: Sequence[Section]) -> int:
    return sum(step.minutes for step in steps)


class OptionalStepsTests:
    """A subclass in a demo's test_lab.py names the folder, its number, and the checks that the starter fails.

    `longest`: minutes for the steps that everybody does.
    """

    number: int
    folder: Path
    tasks: Collection[str]
    longest = 60

    @property
    def lab(self) -> list[Section]:
        return sections(self.folder / "README.md")

    @property
    def more(self) -> list[Section]:
        return sections(self.folder / "MORE.md")

    def test_the_steps_of_both_pages_are_numbered_in_one_row(self) -> None:
        steps = [*self.lab, *self.more]
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))

    def test_the_way_that_everybody_goes_is_short_enough(self) -> None:
        assert total([step for step in self.lab if not step.optional]) <= self.longest
        assert len((self.folder / "README.md").read_text().split()) <= MOST_WORDS

    def test_both_pages_say_how_long_the_optional_steps_take(self) -> None:
        assert f" {total(self.more)} optional minutes" in (self.folder / "README.md").read_text()
        assert f": {total(self.more)} minutes in all" in (self.folder / "MORE.md").read_text()

    def test_every_step_takes_at_least_the_time_to_read_it(self) -> None:
        assert not [step.title for step in [*self.lab, *self.more] if step.least_minutes > step.minutes]

    def test_the_lab_says_which_task_wins_which_checks_and_how_long_it_takes(self) -> None:
        (turn,) = [step for step in self.lab if step.title == "Your turn"]
        rows = [line.split("|") for line in turn.text.splitlines() if re.match(r"\| \d", line)]
        assert {name for row in rows for name in re.findall(r"`(\w+)`", row[4])} == set(self.tasks)
        assert sum(int(row[3]) for row in rows if "optional:" not in row[2]) == turn.minutes

    def test_no_command_stands_before_the_first_start_of_the_demo(self) -> None:
        for page in ("README.md", "MORE.md"):
            before, start, _ = (self.folder / page).read_text().partition(f"make demo-{self.number}\n")
            assert start
            assert steps_of(before) == []

    def test_the_optional_steps_lead_to_the_answers(self) -> None:
        assert "(ANSWERS.md)" in (self.folder / "MORE.md").read_text()
