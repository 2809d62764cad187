"""The commands that the presenter types, for the presenter view: the next one, and a button that copies it.

In: a Deck and its built HTML. Out: the same file with presenter.js and the commands of each slide in it.
Knows which texts of a deck are commands; the bar itself is presenter.js's.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from slides.deck import Deck, Slide
from workshop.translation.phrases import in_words

SCRIPT = Path(__file__).resolve().parent / "presenter.js"
_QUOTED = re.compile(r"`([^`]*\bmake [^`]+|curl [^`]+)`")
_SETTING = re.compile(r"^[A-Z_]+=\S*\s*(?:#.*)?$")  # a line of .env: a block of these is nothing to type
_TOGETHER = re.compile(r"\bdo\b|\bthen\b|<<")  # a block with one of these is pasted whole


def add_commands(html: Path, deck: Deck) -> None:
    commands = [commands_of(slide) for slide in deck.slides]
    script = SCRIPT.read_text(encoding="utf-8")
    for name, data in {"COMMANDS_OF_EACH_SLIDE": commands, "WORDS_OF_THE_BAR": words(deck.language)}.items():
        script = script.replace(name, json.dumps(data, ensure_ascii=False).replace("</", "<\\/"))
    before, body, after = html.read_text(encoding="utf-8").rpartition("</body>")
    html.write_text(f"{before}<script>{script}</script>{body}{after}", encoding="utf-8")


def words(language: str) -> dict[str, str]:
    """What the bar says, in the language of the deck."""
    return {
        "copy": in_words("Copy", language),
        "copied": in_words("Copied.", language),
        "next": in_words("Next", language),
        "ahead": in_words("Next, on slide", language),
        "none": in_words("No more commands in this deck", language),
    }


def commands_of(slide: Slide) -> list[str]:
    """In the order in which they are typed: those that the note names as running already, and those on the slide."""
    quoted = _QUOTED.findall(slide.note.text) if slide.note else []
    shown = [command for fence in slide.fences if fence.info == "bash" for command in _commands(fence.body)]
    return [*(command for command in quoted if command not in shown), *shown]


def _commands(block: str) -> Iterator[str]:
    """The commands of a block, each as one that can be pasted; without comments."""
    lines = [line for line in block.splitlines() if line.strip() and not line.startswith("#")]
    if all(_SETTING.match(line) for line in lines):
        return
    if _TOGETHER.search(block):
        yield "\n".join(lines)
        return
    command: list[str] = []
    for line in lines:
        if command and not line.startswith(" ") and not command[-1].endswith(("\\", "|")):
            yield "\n".join(command)
            command = []
        command.append(line)
    yield "\n".join(command)
