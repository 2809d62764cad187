"""The rules that every deck obeys.

In: a Deck, and the root of the repository for its includes. Out: its faults, each a line that names deck and line.
Knows what makes a deck presentable; knows nothing about HTML or Marp.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slides.assets import outside_assets, picture_faults
from slides.deck import Deck, Fence, Slide
from slides.includes import IncludeError, resolve
from workshop.translation.phrases import in_words


@dataclass(slots=True, frozen=True)
class Fault:
    deck: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.deck}:{self.line}: {self.text}"


def faults_of(deck: Deck, root: Path) -> list[Fault]:
    found = [Fault(deck.path, line, text) for line, text in _deck_faults(deck)]
    folder = (root / deck.path).parent
    for slide in deck.slides:
        found += [Fault(deck.path, line, text) for line, text in _slide_faults(slide, root, folder, deck.language)]
    return sorted(found, key=lambda fault: fault.line)


_Faults = Iterator[tuple[int, str]]


def _deck_faults(deck: Deck) -> _Faults:
    if not deck.settings.get("title"):
        yield 1, "the front matter needs a title:"
    lang, named = deck.settings.get("lang", "en"), deck.language or "en"
    if lang != named:
        yield 1, f"the front matter says lang: {lang}, and the deck's name says {named}"
    claimed = deck.settings.get("minutes", "")
    if claimed != f"{deck.minutes:g}":
        yield 1, f"the notes add up to {deck.minutes:g} min, the front matter says minutes: {claimed or 'nothing'}"
    first, *middle, last = deck.slides if len(deck.slides) > 1 else (*deck.slides, deck.slides[0])
    if "title" not in first.classes or [level for level, _ in first.headings] != [1]:
        yield first.line, "the first slide must be the title slide: `<!-- _class: title -->` and one # heading"
    ahead = in_words("Next:", deck.language)
    if "closing" not in last.classes or not any(text.startswith(ahead) for _, text in last.headings):
        yield (
            last.line,
            f"the last slide must close the deck: `<!-- _class: closing -->` and a heading `## {ahead} ...`",
        )
    for slide in middle:
        if slide.classes & {"title", "closing"}:
            yield slide.line, "only the first slide is a title slide, and only the last one closes"
        if any(level == 1 for level, _ in slide.headings):
            yield slide.line, "a # heading belongs to the title slide; use ##"


def _slide_faults(slide: Slide, root: Path, folder: Path, language: str) -> _Faults:
    if not slide.headings:
        yield slide.line, "the slide has no heading"
    yield from _note_faults(slide, cues(language))
    for block in slide.blocks:
        if isinstance(block, Fence):
            continue
        for url in outside_assets(block.text):
            yield block.line, f"{url} is loaded from outside; a deck carries its own images, fonts and scripts"
    for text in slide.texts:
        for fault in picture_faults(text.text, folder, language):
            yield text.line, fault
        if "<!--" in text.text:
            yield text.line, "a comment must begin its own line"
    for fence in slide.fences:
        try:
            resolve(fence, root)
        except IncludeError as error:
            yield fence.line, str(error)


def cues(language: str) -> tuple[str, ...]:
    """What a speaker's note may ask for."""
    return in_words("Say:", language), in_words("Ask:", language), in_words("Demo:", language)


def _note_faults(slide: Slide, asked: Sequence[str]) -> _Faults:
    if len(slide.remarks) != 1:
        yield slide.line, f"the slide needs one speaker note, <!-- 2 min. Ask: ... -->, and has {len(slide.remarks)}"
        return
    note = slide.note
    line = slide.remarks[0].line
    if note is None:
        yield line, "the speaker note must begin with its minutes: <!-- 2 min. Ask: ... -->"
    elif not any(cue in note.text for cue in asked):
        yield line, f"the speaker note says how long, but not what to do: one of {', '.join(asked)}"
