"""The six demos in order: their folders, and how many minutes they take. Titles are in the spoken language."""

import re
from dataclasses import dataclass
from pathlib import Path

from workshop.processes import ROOT
from workshop.translation import in_language
from workshop.translation.phrases import say, spoken

POINTS = 20  # of each demo
WRITING = "Your turn"  # the section of a lab in which people write the exercise
SECTION = re.compile(r"^## (\d+) · (.+)$", re.MULTILINE)
MINUTES = re.compile(r"^\| minutes \|(.+)\|$", re.MULTILINE)
START = re.compile(r"^\$ ((?:[A-Z_]+=\S+ )*make demo-\d)$", re.MULTILINE)


@dataclass(slots=True, frozen=True)
class Lab:
    """`minutes`: to run the demo and break it, and to write the exercise, for a page without a table of minutes."""

    number: int
    folder: str
    minutes: tuple[int, int] = (0, 0)

    @property
    def page(self) -> str:
        return f"{self.folder}/README.md"

    def translated(self, root: Path = ROOT) -> str:
        """The page in the spoken language; the English one where there is no such page."""
        page = in_language(root / self.page, spoken())
        return page.relative_to(root).as_posix() if page.exists() else self.page

    @property
    def exercise(self) -> str:
        return f"{self.folder}/exercise"

    def title(self, root: Path = ROOT) -> str:
        """In English, whatever language is spoken."""
        return (root / self.page).read_text().partition("\n")[0].partition(" · ")[2]

    def read(self, root: Path = ROOT) -> "Page":
        """What the lab's page says of itself."""
        page, translated = root / self.page, root / self.translated(root)
        text = page.read_text() if page.exists() else ""
        titled = translated.read_text() if translated.exists() else ""
        title = titled.partition("\n")[0].partition(" · ")[2]
        start = START.search(text)
        lab, writing = _minutes(text) or self.minutes
        return Page(title, start[1] if start else f"make demo-{self.number}", lab, writing)


@dataclass(slots=True, frozen=True)
class Page:
    """A lab's title, the command that starts it, and its minutes, without its optional steps."""

    title: str
    start: str
    lab: int
    writing: int

    @property
    def all(self) -> int:
        return self.lab + self.writing


def _minutes(text: str) -> tuple[int, int] | None:
    """What a page's table of minutes says; None if it has none. Optional steps are in italics."""
    table = MINUTES.search(text)
    if table is None:
        return None
    cells = [cell.strip() for cell in table[1].split("|")]
    steps = dict(zip((title for _, title in SECTION.findall(text)), cells, strict=False))
    writing = int(steps.get(WRITING, "").strip("*") or 0)
    return sum(int(cell) for cell in cells if cell.isdigit()) - writing, writing


LABS = {
    lab.number: lab
    for lab in (
        Lab(1, "demos/demo_1_guarded"),
        Lab(2, "demos/demo_2_who_and_how_often"),
        Lab(3, "demos/demo_3_caching"),
        Lab(4, "demos/demo_4_streaming"),
        Lab(5, "demos/demo_5_observability"),
        Lab(6, "demos/demo_6_ray_serve_vllm"),
    )
}


def duration(minutes: float) -> str:
    """In words, to five minutes: `about 1 h 25 min`."""
    rounded = max(5, 5 * round(minutes / 5))
    hours, rest = divmod(rounded, 60)
    parts = (f"{hours} h" * bool(hours), f"{rest} min" * bool(rest))
    return say("about {time}", time=" ".join(part for part in parts if part))
