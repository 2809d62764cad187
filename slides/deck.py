"""A deck as written: front matter, and slides made of text, fenced code and comments.

In: the Markdown of a deck. Out: a Deck whose parts know their line numbers.
Knows just enough Markdown to find slides, fences and comments; knows neither the rules of decks nor Marp's output.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workshop.translation import ENGLISH, in_language
from workshop.translation import language as language_of
from workshop.translation.page import MARK

_FENCE = re.compile(r"^\s*(?P<marker>`{3,}|~{3,})(?P<info>.*)$")
_SETTING = re.compile(r"^(?P<key>[a-z_]+):\s*(?P<value>.*?)\s*$")
_HEADING = re.compile(r"^(?P<level>#{1,6})\s+(?P<text>.+?)\s*$", re.MULTILINE)
_DIRECTIVE = re.compile(
    r"^\s*_?(?P<name>class|paginate|footer|header|color|background[A-Za-z]*)\s*:\s*(?P<value>.*)\s*$"
)
_NOTE = re.compile(r"^\s*(?P<minutes>\d+(?:\.5)?) min\.\s+(?P<text>\S.*)$", re.DOTALL)


class DeckError(Exception):
    """The deck cannot be read at all; the message names deck and line."""


@dataclass(slots=True, frozen=True)
class Text:
    line: int
    text: str


@dataclass(slots=True, frozen=True)
class Fence:
    """A fenced block: `info` is what follows the opening marker, such as `python include=shared/sse.py#event`."""

    line: int
    info: str
    body: str


@dataclass(slots=True, frozen=True)
class Comment:
    """An HTML comment: a Marp directive (`_class: title`) or a note for the speaker."""

    line: int
    text: str

    @property
    def directive(self) -> tuple[str, str] | None:
        found = _DIRECTIVE.match(self.text)
        return (found["name"], found["value"].strip()) if found else None


Block = Text | Fence | Comment


@dataclass(slots=True, frozen=True)
class Note:
    """The speaker's note: how long the slide takes, and what to say, ask and show."""

    minutes: float
    text: str


@dataclass(slots=True, frozen=True)
class Slide:
    line: int
    blocks: tuple[Block, ...]

    @property
    def texts(self) -> list[Text]:
        return [block for block in self.blocks if isinstance(block, Text)]

    @property
    def fences(self) -> list[Fence]:
        return [block for block in self.blocks if isinstance(block, Fence)]

    @property
    def remarks(self) -> list[Comment]:
        """The comments that are not directives: the speaker's."""
        return [block for block in self.blocks if isinstance(block, Comment) and block.directive is None]

    @property
    def classes(self) -> set[str]:
        directives = [block.directive for block in self.blocks if isinstance(block, Comment)]
        return {word for found in directives if found and found[0] == "class" for word in found[1].split()}

    @property
    def headings(self) -> list[tuple[int, str]]:
        """Level and text of each heading, in order."""
        return [(len(found["level"]), found["text"]) for text in self.texts for found in _HEADING.finditer(text.text)]

    @property
    def note(self) -> Note | None:
        for remark in self.remarks:
            found = _NOTE.match(remark.text)
            if found:
                return Note(float(found["minutes"]), found["text"].strip())
        return None


@dataclass(slots=True, frozen=True)
class Deck:
    """`path` names the deck in faults; `settings` is its front matter (title, lang, minutes)."""

    path: str
    settings: dict[str, str]
    slides: tuple[Slide, ...]

    @property
    def language(self) -> str:
        """The suffix of its name: `opening.es.md` is Spanish."""
        return language_of(Path(self.path))

    @property
    def minutes(self) -> float:
        return sum(slide.note.minutes for slide in self.slides if slide.note)


def deck_files(root: Path, language: str = ENGLISH) -> list[Path]:
    """The decks in a language, in the order in which a day shows them."""
    folder = root / "slides"
    demos = [path for path in sorted(folder.glob("demo_*.md")) if language_of(path) == ENGLISH]
    decks = [folder / "opening.md", *demos, folder / "closing.md"]
    return [file for deck in decks if (file := in_language(deck, language)).is_file()]


def read_deck(file: Path, root: Path) -> Deck:
    path = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()
    if not file.is_file():
        raise DeckError(f"{path}: no such deck")
    return parse_deck(file.read_text(encoding="utf-8"), path)


def parse_deck(text: str, path: str) -> Deck:
    """Raises DeckError for a deck whose front matter, fences or comments do not close."""
    lines = list(enumerate(text.splitlines(), start=1))
    settings, lines = _front_matter(lines, path)
    slides: list[Slide] = []
    blocks: list[Block] = []
    start = 1
    for block in _blocks(iter(lines), path):
        if isinstance(block, int):
            slides.append(_slide(blocks, start))
            blocks, start = [], block
        else:
            blocks.append(block)
    slides.append(_slide(blocks, start))
    return Deck(path, settings, tuple(slides))


def _slide(blocks: list[Block], after: int) -> Slide:
    return Slide(blocks[0].line if blocks else after, tuple(blocks))


_Lines = list[tuple[int, str]]


def _front_matter(lines: _Lines, path: str) -> tuple[dict[str, str], _Lines]:
    if not lines or lines[0][1].rstrip() != "---":
        raise DeckError(f"{path}:1: the deck must begin with front matter: ---, title: and minutes:, ---")
    settings: dict[str, str] = {}
    for position, (number, line) in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return settings, lines[position + 1 :]
        found = _SETTING.match(line)
        if found is None:
            raise DeckError(f"{path}:{number}: front matter takes one `key: value` per line")
        settings[found["key"]] = found["value"]
    raise DeckError(f"{path}:1: the front matter is never closed by ---")


def _blocks(lines: Iterator[tuple[int, str]], path: str) -> Iterator[Block | int]:
    """The blocks in order; a bare number is the line of a slide break."""
    text: list[str] = []
    first = 0
    for number, line in lines:
        fence = _FENCE.match(line)
        comment = line.lstrip().startswith("<!--")
        broken = line.rstrip() == "---"
        if not (fence or comment or broken):
            if text or line.strip():
                first = first or number
                text.append(line)
            continue
        if broken and text and text[-1].strip():
            # CommonMark reads it as an underline and would join the slide to the next one.
            raise DeckError(f"{path}:{number}: a slide break --- needs a blank line before it")
        if text:
            yield Text(first, "\n".join(text))
            text, first = [], 0
        if fence:
            yield Fence(number, fence["info"].strip(), _fence_body(lines, fence["marker"], path, number))
        elif comment and not MARK.match(f"{line}\n"):
            yield Comment(number, _comment_text(line, lines, path, number))
        elif broken:
            yield number
    if text:
        yield Text(first, "\n".join(text))


def _fence_body(lines: Iterator[tuple[int, str]], marker: str, path: str, start: int) -> str:
    body: list[str] = []
    for _, line in lines:
        stripped = line.strip()
        if stripped.startswith(marker) and not stripped.strip(marker[0]):
            return "\n".join(body)
        body.append(line)
    raise DeckError(f"{path}:{start}: the code block is never closed by {marker}")


def _comment_text(line: str, lines: Iterator[tuple[int, str]], path: str, start: int) -> str:
    collected = line.lstrip().removeprefix("<!--")
    while "-->" not in collected:
        _, following = next(lines, (0, None))
        if following is None:
            raise DeckError(f"{path}:{start}: the comment is never closed by -->")
        collected += "\n" + following
    text, _, rest = collected.partition("-->")
    if rest.strip():
        raise DeckError(f"{path}:{start}: a comment stands alone on its lines; move out {rest.strip()!r}")
    return text.strip()
