"""One page and its translation, section by section.

In: the texts of both. Out: the translation with the English code and numbers, its faults, and its stale sections.
A section is a heading and all that follows, up to the next one. In a deck, which begins with front matter, it is a
slide. Under each heading a translation has a mark, the hash of the English prose that it translates:
`<!-- english: 1a2b3c4d -->`. A page that leaves out a section says so: `<!-- not translated: Measured -->`.
Knows nothing of files.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from workshop.translation import LANGUAGES

FENCE = re.compile(r"^````.*?^````$|^```(?!`).*?^```$", re.MULTILINE | re.DOTALL)  # four, around a block of three
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FRONT_MATTER = re.compile(r"^---\n.*?^---\n", re.MULTILINE | re.DOTALL)
BREAK = re.compile(r"^---$", re.MULTILINE)  # between slides
MARK = re.compile(r"^<!-- english: ?(\w*) -->\n", re.MULTILINE)
LEFT_OUT = re.compile(r"^<!-- not translated: (.+) -->$", re.MULTILINE)
# The line of links to the other languages, under the title.
NAMES = "|".join(rf"(?:{name}|\[{name}\]\([^)]*\))" for name in LANGUAGES.values())
SWITCH = re.compile(rf"^(?:{NAMES})(?: · (?:{NAMES}))+\n\n", re.MULTILINE)
ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
CODE = re.compile(r"`[^`]+`")
LINK = re.compile(r"""\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)\"""")
LAYOUT = re.compile(r"^(?:<!-- _\w+: .+ -->|</?div\b.*>)$", re.MULTILINE)  # what a slide looks like
WORD = re.compile(r"[^\W\d_]")
THOUSANDS = re.compile(r"(?<=\d)[.,\u00a0\u202f](?=\d{3}\b)")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d.,])")  # 1,900


@dataclass(slots=True, frozen=True)
class Section:
    """`text` begins with the heading's line; in a deck, a little later."""

    text: str

    @property
    def heading(self) -> str:
        found = HEADING.match(self._title)
        return found[1] if found else ""

    @property
    def place(self) -> str:
        """What a heading has in every language: its level, and the number that it begins with."""
        found = re.match(r"#* ?(?:\d+)?", self._title)
        return found[0].strip() if found else ""

    @property
    def _title(self) -> str:
        """The line of the heading; the first line where there is none."""
        found = HEADING.search(FENCE.sub("", self.text))
        return found[0] if found else self.text.partition("\n")[0]

    @property
    def mark(self) -> str:
        found = MARK.search(self.text)
        return found[1] if found else ""

    @property
    def prose(self) -> str:
        """What there is to translate: no code blocks, no cells of numbers, no marks, in one line."""
        text = FENCE.sub("", LEFT_OUT.sub("", MARK.sub("", SWITCH.sub("", self.text))))
        rows = ROW.sub(lambda row: " | ".join(cell for cell in _cells(row[0]) if not _is_copied(cell)), text)
        return re.sub(r"[ \t\n]+", " ", rows).strip()  # not the spaces within a number, which do not break

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.prose.encode()).hexdigest()[:8]

    def marked(self, mark: str) -> "Section":
        before, title, rest = MARK.sub("", self.text).partition(f"{self._title}\n")
        return replace(self, text=f"{before}{title}<!-- english: {mark} -->\n{rest}")


def is_deck(text: str) -> bool:
    return FRONT_MATTER.match(text) is not None


def sections(text: str) -> list[Section]:
    """All of a page, in order. A `#` inside a code block is no heading. Front matter belongs to the first slide."""
    front = FRONT_MATTER.match(text)
    begins = BREAK if front else HEADING
    parts: list[list[str]] = [[front[0]] if front else []]
    fenced = False
    for line in text[front.end() if front else 0 :].splitlines(keepends=True):
        fenced ^= line.startswith("```")
        if not fenced and begins.match(line):
            parts.append([])
        parts[-1].append(line)
    return [Section("".join(lines)) for lines in parts if lines]


def misplaced(english: str, translated: str) -> list[str]:
    """Where the two pages do not have the same sections; the first place only, because the rest follows from it."""
    for ours, theirs in zip_longest(_translatable(english, translated), sections(translated)):
        if theirs is None:
            return [f"“{ours.heading}” is missing"]
        if ours is None:
            return [f"“{theirs.heading}” is not in the English page"]
        if ours.place != theirs.place:
            return [f"“{theirs.heading}” stands where the English page has “{ours.heading}”"]
        blocks, copies = (len(FENCE.findall(section.text)) for section in (ours, theirs))
        if blocks != copies:
            return [f"“{theirs.heading}” has {copies} code blocks, and its English {blocks}"]
        if [len(_cells(row)) for row in _rows(ours)] != [len(_cells(row)) for row in _rows(theirs)]:
            return [f"“{theirs.heading}” has tables of another shape than its English"]
    return []


def filled(english: str, translated: str) -> str:
    """The translation with the code blocks and the numbers of its English. As it is if sections are misplaced."""
    if misplaced(english, translated):
        return translated
    return "".join(_filled(ours, theirs) for ours, theirs in pairs(english, translated))


def faults(english: str, translated: str, expected_link: Callable[[str], str]) -> list[str]:
    """What differs though it must not: sections, and the code, numbers and links within prose.

    `expected_link` is the target, in the translation, of a link of the English page.
    """
    if found := misplaced(english, translated):
        return found
    return [
        f"“{theirs.heading}”: {difference}"
        for ours, theirs in pairs(english, translated)
        for difference in _differences(ours, theirs, expected_link)
    ]


def stale(english: str, translated: str) -> list[tuple[Section, Section]]:
    """The sections whose English has changed since they were translated: the English, and the translation."""
    if misplaced(english, translated):
        return []
    return [(ours, theirs) for ours, theirs in pairs(english, translated) if ours.hash != theirs.mark]


def renewed(english: str, translated: str) -> str:
    """The translation with marks that say: this is what the English says now."""
    return "".join(theirs.marked(ours.hash).text for ours, theirs in pairs(english, translated))


def pairs(english: str, translated: str) -> list[tuple[Section, Section]]:
    return list(zip(_translatable(english, translated), sections(translated), strict=True))


def with_switch(text: str, switch: str) -> str:
    """A page with this line of links under its title; without one if the line is empty."""
    title, _, rest = SWITCH.sub("", text, count=1).partition("\n\n")
    return f"{title}\n\n{switch}\n\n{rest}" if switch else f"{title}\n\n{rest}"


def _translatable(english: str, translated: str) -> list[Section]:
    left_out = LEFT_OUT.findall(translated)
    return [section for section in sections(english) if section.heading not in left_out]


def _filled(ours: Section, theirs: Section) -> str:
    blocks, rows = iter(FENCE.findall(ours.text)), iter(_rows(ours))
    # Rows first: a line of a code block may look like one, and `_rows` does not read those.
    parts = FENCE.split(theirs.text)
    parts = [ROW.sub(lambda row: _row(next(rows), row[0]), part) for part in parts]
    return "".join(part + next(blocks, "") for part in parts)


def _rows(section: Section) -> list[str]:
    return ROW.findall(FENCE.sub("", section.text))


def _row(ours: str, theirs: str) -> str:
    cells = zip(_cells(ours), _cells(theirs), strict=True)
    return "|" + "|".join(_copied(our) if _is_copied(our) else their for our, their in cells) + "|"


def _cells(row: str) -> Sequence[str]:
    return row[1:-1].split("|")


def _copied(cell: str) -> str:
    """Many readers of Spanish take a comma for the decimal sign: 1900, and 14 268 with a space that does not break."""
    return GROUPS.sub(lambda number: _grouped(number[0].replace(",", "")), cell)


def _grouped(digits: str) -> str:
    return f"{int(digits):,}".replace(",", "\u00a0") if len(digits) > 4 else digits


def _is_copied(cell: str) -> bool:
    return not WORD.search(CODE.sub("", cell))


def _differences(ours: Section, theirs: Section, expected_link: Callable[[str], str]) -> Iterator[str]:
    links = Counter(expected_link(link) for link in _links(ours)), Counter(_links(theirs))
    # A file that prose names may have a translation, too.
    named = (f"`{expected_link(code.strip('`'))}`" for code in CODE.findall(ours.prose))
    code = Counter(named), Counter(CODE.findall(theirs.prose))
    numbers = Counter(_numbers(ours)), Counter(_numbers(theirs))
    layout = Counter(LAYOUT.findall(ours.text)), Counter(LAYOUT.findall(theirs.text))
    for expected, found in (code, numbers, links, layout):
        yield from (f"its English has {one}" for one in expected - found)
        yield from (f"its English does not have {one}" for one in found - expected)


def _numbers(section: Section) -> list[str]:
    text = re.sub(r"\]\([^)]*\)", "]", CODE.sub("", section.prose))
    return NUMBER.findall(THOUSANDS.sub("", text))


def _links(section: Section) -> list[str]:
    """Their targets without anchors: each language has its own headings."""
    found = ("".join(groups).partition("#")[0] for groups in LINK.findall(section.prose))
    return [link for link in found if link]
