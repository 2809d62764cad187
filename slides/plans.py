"""The plans of a day: what comes when. `python -m slides.plans` writes them into slides/teaching.md (`make reference`).

In: the minutes of the decks' notes, and those of the labs' tables; titles, in other languages, from the README in that
language. Out: tables with a clock, each with what to leave out when an hour is missing. A test compares the page and
the opening's slide with them.
Knows the order of a day; knows nothing about what the decks and labs say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slides.deck import deck_files, read_deck
from workshop.processes import ROOT
from workshop.progress.labs import LABS
from workshop.translation import ENGLISH, LANGUAGES, in_language
from workshop.translation.phrases import explained, in_words

TEACHING = "slides/teaching.md"
OPENING, CLOSING = "opening", "closing"
PAUSES = ("break", "lunch")
_LISTED = re.compile(r"^\| (\d) \| \[(.+?)\]", re.MULTILINE)  # the demos in a README


@dataclass(slots=True, frozen=True)
class Cut:
    """A part to leave out, and what to do instead."""

    part: str
    instead: str


@dataclass(slots=True, frozen=True)
class Plan:
    """Parts in order: `slides 1`, `lab 1` (run it and break it), `exercise 1` (write it), `break 15`, `lunch 60`."""

    name: str
    starts: str  # the clock, as 09:00
    parts: tuple[str, ...]
    cuts: tuple[Cut, ...]


@dataclass(slots=True, frozen=True)
class Entry:
    """A part with its place on the clock. `start` and `minutes`: in minutes, and `start` since midnight."""

    part: str
    title: str
    start: float
    minutes: float

    @property
    def end(self) -> float:
        return self.start + self.minutes

    @property
    def is_pause(self) -> bool:
        return self.part.startswith(PAUSES)


HALF_DAY = Plan(
    "half-day",
    "09:00",
    (OPENING, "slides 1", "lab 1", "break 15", "slides 4", "lab 4", "break 15", "slides 5", "lab 5", CLOSING),
    (
        Cut("lab 4", "the deck's live slides show the cut stream and the breaker"),
        Cut("lab 1", "the deck's live slides break it and load it; the lab is for home"),
    ),
)
WHOLE_DAY = Plan(
    "whole-day",
    "09:00",
    (
        *(OPENING, "slides 1", "lab 1", "break 15", "exercise 1", "slides 2", "lab 2", "lunch 60"),
        *("slides 3", "slides 4", "lab 4", "break 15", "slides 5", "lab 5", "break 10", "slides 6", CLOSING),
    ),
    (
        Cut("exercise 1", "it is for home: `make start` says where to go on"),
        Cut("slides 3", "read its last slide aloud; lab 3 is for home"),
    ),
)
FIRST_OF_TWO = Plan(
    "first-of-two-days",
    "09:00",
    (
        *(OPENING, "slides 1", "lab 1", "break 15", "exercise 1", "slides 2", "lab 2", "lunch 60"),
        *("exercise 2", "slides 3", "break 15", "lab 3", "exercise 3"),
    ),
    (
        Cut("exercise 3", "it is for the evening: `make start` says where to go on"),
        Cut("lab 2", "the deck's live slides show the limit and the budget"),
    ),
)
SECOND_OF_TWO = Plan(
    "second-of-two-days",
    "09:00",
    (
        *("slides 4", "lab 4", "break 15", "exercise 4", "slides 5", "lunch 60", "lab 5", "exercise 5"),
        *("break 15", "slides 6", "lab 6", "break 10", "exercise 6", CLOSING),
    ),
    (
        Cut("exercise 6", "kill a replica on the projector, and read what the grader says about the starter"),
        Cut("exercise 4", "it is for the evening: `make start` says where to go on"),
    ),
)
PLANS = (HALF_DAY, WHOLE_DAY, FIRST_OF_TWO, SECOND_OF_TWO)


def main(root: Path = ROOT) -> None:
    for language in LANGUAGES:
        page = in_language(root / TEACHING, language)
        if page.is_file():
            page.write_text(with_plans(page.read_text(encoding="utf-8"), root, language), encoding="utf-8")


def with_plans(page: str, root: Path = ROOT, language: str = ENGLISH) -> str:
    """The page with its tables replaced."""
    minutes = Minutes(root, language)
    page = _replaced(page, "minutes", minutes.table())
    for plan in PLANS:
        page = _replaced(page, plan.name, table(plan, minutes))
    return page


class Minutes:
    """How long each part takes, by what the decks and the labs say, and what it is called in a language."""

    def __init__(self, root: Path = ROOT, language: str = ENGLISH) -> None:
        decks = [read_deck(file, root) for file in deck_files(root)]
        self.language = language
        self._slides = {Path(deck.path).stem: deck.minutes for deck in decks}
        self._labs = {number: lab.read(root) for number, lab in LABS.items()}
        self._titles = {number: lab.title(root) for number, lab in LABS.items()}
        if language != ENGLISH:
            readme = in_language(root / "README.md", language).read_text(encoding="utf-8")
            self._titles |= {int(number): title for number, title in _LISTED.findall(readme)}

    def say(self, phrase: str) -> str:
        return in_words(phrase, self.language)

    def of(self, part: str) -> float:
        kind, _, number = part.partition(" ")
        if kind in PAUSES:
            return float(number)
        if kind in (OPENING, CLOSING):
            return self._slides[kind]
        if kind == "slides":
            return next(minutes for name, minutes in self._slides.items() if name.startswith(f"demo_{number}_"))
        page = self._labs[int(number)]
        return {"lab": page.lab, "exercise": page.writing}[kind]

    def title(self, part: str) -> str:
        kind, _, number = part.partition(" ")
        word = self._word(kind)
        if kind in (*PAUSES, OPENING, CLOSING):
            return word
        name = f"demo {number}, {word}"
        return f"{name}: {self._titles[int(number)]}" if kind == "slides" else name

    def short(self, part: str) -> str:
        """The title for a slide: a demo by the first part of its name."""
        kind, _, number = part.partition(" ")
        return f"demo {number}: {self._titles[int(number)].partition(',')[0]}" if kind == "slides" else self._word(kind)

    def _word(self, kind: str) -> str:
        words = {
            OPENING: self.say("opening"),
            CLOSING: self.say("closing"),
            "slides": self.say("slides"),
            "lab": self.say("lab"),
            "exercise": self.say("exercise"),
            "break": self.say("break"),
            "lunch": self.say("lunch"),
        }
        return words[kind]

    def table(self) -> str:
        kinds = ("slides", "lab", "exercise")
        rows = [f"| | {' | '.join(map(self._word, kinds))} | {self.say('in all')} |", "|---|--:|--:|--:|--:|"]
        total = 0.0
        for number in self._labs:
            parts = [self.of(f"{kind} {number}") for kind in kinds]
            total += sum(parts)
            rows.append(
                f"| {number} · {self._titles[number]} | {' | '.join(f'{part:g}' for part in (*parts, sum(parts)))} |"
            )
        both = self.of(OPENING) + self.of(CLOSING)
        rows.append(f"| {self.say('opening and closing')} | {both:g} | | | {both:g} |")
        rows.append(f"| {self.say('everything')} | | | | {total + both:g} |")
        return "\n".join(rows)


def entries(plan: Plan, minutes: Minutes) -> Iterator[Entry]:
    hours, _, rest = plan.starts.partition(":")
    clock = float(int(hours) * 60 + int(rest))
    for part in plan.parts:
        entry = Entry(part, minutes.title(part), clock, minutes.of(part))
        yield entry
        clock = entry.end


def table(plan: Plan, minutes: Minutes) -> str:
    """The plan, and how to cut an hour of it, as Markdown."""
    say = minutes.say
    rows = [f"| {say('from')} | {say('minutes')} | |", "|--:|--:|---|"]
    day = list(entries(plan, minutes))
    for entry in day:
        title = f"*{entry.title}*" if entry.is_pause else entry.title
        rows.append(f"| {clock(entry.start)} | {entry.minutes:g} | {title} |")
    taught = sum(entry.minutes for entry in day if not entry.is_pause)
    rows.append(f"| {clock(day[-1].end)} | {taught:g} | {say('end; without the breaks')} |")
    rows += ["", say("To cut an hour, leave out, in this order:"), ""]
    rows += [f"| {say('leave out')} | {say('saves')} | {say('instead')} |", "|---|--:|---|"]
    rows += [
        f"| {minutes.title(cut.part)} | {minutes.of(cut.part):g} | {explained(cut.instead, minutes.language)} |"
        for cut in plan.cuts
    ]
    return "\n".join(rows)


def outline(plan: Plan, minutes: Minutes) -> list[str]:
    """The plan as the opening shows it: demos, lunch and end, and the breaks in one line; to five minutes."""
    day = list(entries(plan, minutes))
    shown = [entry for entry in day if entry.part.partition(" ")[0] in ("slides", "lunch", OPENING, CLOSING)]
    lines = [f"**{clock(entry.start, 5)}** {minutes.short(entry.part)}" for entry in shown]
    breaks = [clock(entry.start, 5) for entry in day if entry.part.startswith("break")]
    end = f"{lines[-1]}, {minutes.say('until')} {clock(day[-1].end, 5)}"
    return [*lines[:-1], end, f"{minutes.say('breaks at')} {', '.join(breaks)}"]


def clock(minutes: float, step: int = 1) -> str:
    """A time of the day, rounded down to `step` minutes."""
    whole = int(minutes) // step * step
    return f"{whole // 60:02d}:{whole % 60:02d}"


def _replaced(page: str, name: str, new: str) -> str:
    begin, end = f"<!-- {name}: begin (make reference) -->\n", f"<!-- {name}: end -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not found.search(page):
        raise ValueError(f"{TEACHING} has no place for the table {name}: {begin.strip()} … {end}")
    return found.sub(lambda _: f"{begin}{new}\n{end}", page, count=1)


if __name__ == "__main__":
    main()
