"""Build the decks: `python -m slides.build [--check] [--html] [--pdf] [--measure | --no-measure] [deck ...]`.

In: the decks in slides/ in all languages, or those that are named; without names, the cheat sheets too. Out:
build/slides/ with, for each deck, the Markdown that Marp reads, HTML, the speaker's script, and a PDF if a Chromium is
found; and a list of all that for each language. Exit status 1 and one line per fault when a deck breaks a rule, shows
code that is gone or that its English deck does not show, overflows, or would look different elsewhere.
Knows the order of the steps; each step is a module of its own.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from slides import marp
from slides.deck import Deck, DeckError, deck_files, read_deck
from slides.fonts import drawable, write_theme
from slides.index import write_indexes
from slides.presenter import add_commands
from slides.render import marp_markdown, shown_text, speaker_script
from slides.rules import Fault, faults_of
from slides.sheets import Sheet, read_sheets, sheet_markdown
from workshop.node import NodeError
from workshop.translation import LANGUAGES
from workshop.translation import files as translation

ROOT = Path(__file__).resolve().parent.parent
THEME = ROOT / "slides" / "theme.css"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    options = _options(arguments)
    decks, faults = _read(_deck_files(options.decks, root), root)
    if not faults and not decks:
        return _fail(["slides: no deck found in slides/"])
    if faults:
        return _fail(faults)
    for deck in decks:
        print(f"{deck.path}: {len(deck.slides)} slides, {deck.minutes:g} min")
    if options.check:
        return 0
    try:
        return _build(decks, options, root)
    except NodeError as error:
        return _fail([f"slides: {error}"])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m slides.build", description="Check and build the decks.")
    parser.add_argument("decks", nargs="*", metavar="deck", help="path or name, such as demo_1_guarded; default: all")
    parser.add_argument("--check", action="store_true", help="rules and includes only: no Node, no browser")
    parser.add_argument("--html", action="store_true", help="HTML only, no PDF")
    parser.add_argument("--pdf", action="store_true", help="PDF too; fail if there is no Chromium for it")
    parser.add_argument(
        "--measure",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="let a browser look for overflow; default: if a Chromium is found",
    )
    return parser.parse_args(arguments)


def _deck_files(named: Sequence[str], root: Path) -> list[Path]:
    if not named:
        return [file for language in LANGUAGES for file in deck_files(root, language)]
    beside = [root / "slides" / f"{name.removesuffix('.md')}.md" for name in named]
    return [known if known.is_file() else Path(name).resolve() for name, known in zip(named, beside, strict=True)]


def _read(files: Sequence[Path], root: Path) -> tuple[list[Deck], list[Fault | str]]:
    decks: list[Deck] = []
    faults: list[Fault | str] = []
    for file in files:
        try:
            deck = read_deck(file, root)
        except DeckError as error:
            faults.append(str(error))
            continue
        decks.append(deck)
        faults += faults_of(deck, root)
        if deck.language:
            faults += translation.differences(file)
    return decks, faults


def _build(decks: Sequence[Deck], options: argparse.Namespace, root: Path) -> int:
    chromium = marp.find_chromium()
    if chromium is None and (options.pdf or options.measure):
        raise NodeError("--pdf and --measure need a Chromium: set CHROME_PATH or install chromium")
    if chromium is None:
        print("slides: no Chromium found (CHROME_PATH, chromium, google-chrome): no PDF, slides not measured")
    build = root / "build"
    node = marp.find_node(build)
    modules = marp.install_marp(node, build)
    sheets = [] if options.decks else [sheet for language in LANGUAGES for sheet in read_sheets(root, language)]
    markdown = [*(_write_markdown(deck, root) for deck in decks), *(_write_sheet(sheet, root) for sheet in sheets)]
    theme = write_theme(THEME, modules, build / "slides" / "theme.css")
    written = [marp.write_html(node, modules, theme, markdown)]
    for deck, html in zip(decks, written[0], strict=False):
        add_commands(html, deck)
    known = drawable(modules)
    faults = [fault for deck in decks for fault in _undrawable(deck, known, root)]
    if chromium and options.measure is not False:
        measured = marp.measure(node, modules, written[0], chromium)
        for deck, found in zip(decks, measured, strict=False):
            faults += [
                Fault(deck.path, deck.slides[number - 1].line, f"slide {number} {text}") for number, text in found
            ]
        for sheet, found in zip(sheets, measured[len(decks) :], strict=True):
            faults += [Fault(sheet.page, 1, f"its cheat sheet {text}") for _, text in found]
    if chromium and (options.pdf or not options.html):
        written.append(marp.write_pdf(node, modules, theme, markdown, chromium))
    if not options.decks:
        write_indexes(decks, sheets, build / "slides")
    for files in zip(*written, strict=True):
        print("  ".join(str(file.relative_to(root)) for file in files))
    return _fail(faults) if faults else 0


def _undrawable(deck: Deck, known: set[str], root: Path) -> Iterator[Fault]:
    folder = (root / deck.path).parent
    for number, slide in enumerate(deck.slides, start=1):
        for unknown in sorted({*shown_text(slide, root, folder, deck.language)} - known - {"\n"}):
            text = f"slide {number} shows {unknown} (U+{ord(unknown):04X}), which none of the deck's fonts can draw"
            yield Fault(deck.path, slide.line, text)


def _write_markdown(deck: Deck, root: Path) -> Path:
    folder = root / "build" / "slides"
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(deck.path).stem
    (folder / f"{name}.notes.txt").write_text(speaker_script(deck), encoding="utf-8")
    markdown = folder / f"{name}.md"
    markdown.write_text(marp_markdown(deck, root), encoding="utf-8")
    return markdown


def _write_sheet(sheet: Sheet, root: Path) -> Path:
    markdown = root / "build" / "slides" / f"{sheet.name}.md"
    markdown.write_text(sheet_markdown(sheet), encoding="utf-8")
    return markdown


def _fail(faults: Sequence[Fault | str]) -> int:
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
