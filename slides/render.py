"""Turns a checked deck into Markdown for Marp, and into the speaker's script.

In: a Deck that obeys the rules. Out: Marp Markdown with code and pictures in it; the notes as text with a clock.
Knows Marp's directives and the classes of theme.css; runs nothing.
"""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from slides.assets import carry_pictures
from slides.deck import Comment, Deck, Fence, Slide
from slides.includes import Listing, resolve
from workshop.translation.phrases import in_words

# Type is as large as the slide allows. In CSS pixels, after theme.css: the room under a slide's heading, the part of a
# listing that is not lines, and a line of text. The width of a monospaced letter is 0.605 of its size.
ROOM = 550
LISTING = 67
TEXT_LINE = 45
WIDTH = 1112
LINE_HEIGHT = 1.25
LETTER = 0.605
LARGEST, SMALLEST = 30, 18


def marp_markdown(deck: Deck, root: Path) -> str:
    folder = (root / deck.path).parent
    title = json.dumps(deck.settings["title"], ensure_ascii=False)
    front_matter = [
        "---",
        "marp: true",
        "theme: workshop",
        "size: 16:9",
        "paginate: true",
        f"lang: {deck.settings.get('lang', 'en')}",
        f"title: {title}",
        f"footer: {title}",
        f"style: \"section {{ --live: '{in_words('LIVE', deck.language)}' }}\"",
        "---",
    ]
    slides = [_slide(slide, root, folder, deck.language) for slide in deck.slides]
    return "\n".join(front_matter) + "\n\n" + "\n\n---\n\n".join(slides) + "\n"


def shown_text(slide: Slide, root: Path, folder: Path, language: str) -> str:
    """The content of the slide with its markup: code and pictures, but no notes."""
    blocks = tuple(block for block in slide.blocks if not isinstance(block, Comment))
    return html.unescape(_slide(replace(slide, blocks=blocks), root, folder, language))


def speaker_script(deck: Deck) -> str:
    """Each slide's heading with the minute at which it begins, and its note."""
    lines = [f"{deck.settings['title']}: {deck.minutes:g} min", ""]
    clock = 0.0
    for number, slide in enumerate(deck.slides, start=1):
        if slide.note is None:
            continue
        lines += [f"{_clock(clock)}  {number}. {_heading(slide)} ({slide.note.minutes:g} min)", slide.note.text, ""]
        clock += slide.note.minutes
    return "\n".join(lines)


def _slide(slide: Slide, root: Path, folder: Path, language: str) -> str:
    listings = {fence: resolve(fence, root) for fence in slide.fences}
    size = code_size(list(listings.values()), sum(_text_lines(text.text) for text in slide.texts))
    parts: list[str] = []
    for block in slide.blocks:
        if isinstance(block, Fence):
            parts.append(_listing(listings[block], size))
        elif isinstance(block, Comment):
            parts.append(f"<!-- {block.text} -->")
        else:
            parts.append(carry_pictures(block.text, folder, language))
    return "\n\n".join(part.strip("\n") for part in parts)


def code_size(listings: Sequence[Listing], text_lines: int) -> float:
    """The type size, in pixels, for all the code of a slide. An estimate: only the browser knows what really fits."""
    if not listings:
        return LARGEST
    lines = sum(listing.lines for listing in listings)
    room = ROOM - LISTING * len(listings) - TEXT_LINE * text_lines
    fitting = min(room / (lines * LINE_HEIGHT), WIDTH / (max(listing.columns for listing in listings) * LETTER))
    return max(SMALLEST, min(LARGEST, int(fitting * 2) / 2))


def _text_lines(text: str) -> int:
    """The number of lines that take room: no headings, table rules, or HTML tags."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.startswith(("#", "|--", "<")))


def _listing(listing: Listing, size: float) -> str:
    ticks = max((len(run) for run in re.findall("`+", listing.code)), default=0)
    marker = "`" * max(3, ticks + 1)
    source = f'<div class="source">{listing.source}</div>\n' if listing.source else ""
    # The blank lines end the HTML blocks, so that Markdown reads the fence between them.
    return (
        f'<div class="listing" style="font-size: {size:g}px">\n{source}\n'
        f"{marker}{listing.language}\n{listing.code}\n{marker}\n\n</div>"
    )


def _heading(slide: Slide) -> str:
    return slide.headings[0][1]


def _clock(minutes: float) -> str:
    seconds = round(minutes * 60)
    return f"{seconds // 60:02d}:{seconds % 60:02d}"
