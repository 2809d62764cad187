"""The lists of what is built, one for each language: `index.html`, `index.es.html`.

In: the decks and the cheat sheets. Out: a page that leads to them, to their PDFs and notes, and to the other languages.
Knows their files; knows nothing about how they are made.
"""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from slides.deck import Deck
from slides.sheets import Sheet
from workshop.translation import LANGUAGES
from workshop.translation.phrases import in_words

STYLE = """
  body { max-width: 46rem; margin: 2.5rem auto; padding: 0 1rem; font: 17px/1.5 system-ui, sans-serif; color: #18212f;
    background: #fcfbf8 }
  a { color: #0a6a6e } h1 { margin: 0 } h2 { margin: 2rem 0 .5rem }
  table { width: 100%; border-collapse: collapse } td { padding: .4rem 1rem .4rem 0; border-bottom: 1px solid #d9d6cd }
  td:nth-child(n + 2) { white-space: nowrap; text-align: right }
  kbd { padding: 0 .35em; border-radius: 4px; background: #e9e7df }
"""


def name_of(language: str) -> str:
    return f"index.{language}.html" if language else "index.html"


def write_indexes(decks: Sequence[Deck], sheets: Sequence[Sheet], folder: Path) -> list[Path]:
    """A list for each language in which there is a deck. Files that were not built, such as PDFs, are left out."""
    spoken = [language for language in LANGUAGES if any(deck.language == language for deck in decks)]
    written = []
    for language in spoken:
        page = folder / name_of(language)
        lines = _page(
            language,
            spoken,
            [deck for deck in decks if deck.language == language],
            [sheet for sheet in sheets if sheet.language == language],
            folder,
        )
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
        written.append(page)
    return written


def _page(
    language: str, spoken: Sequence[str], decks: Sequence[Deck], sheets: Sequence[Sheet], folder: Path
) -> Iterator[str]:
    title = in_words("LLM in production: the slides", language)
    yield f'<!doctype html>\n<html lang="{language or "en"}">\n<meta charset="utf-8">'
    yield f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n<style>{STYLE}</style>'
    yield f"<h1>{title}</h1>"
    if len(spoken) > 1:
        links = [_language(one, here=one == language) for one in spoken]
        yield f"<p>{' · '.join(links)}</p>"
    keys = {
        "p": in_words("presenter view", language),
        "f": in_words("full screen", language),
        "o": in_words("overview", language),
    }
    yield f"<p>{' · '.join(f'<kbd>{key}</kbd> {what}' for key, what in keys.items())}</p>"
    yield "<table>"
    for deck in decks:
        stem = Path(deck.path).stem
        notes = {f"{stem}.pdf": "PDF", f"{stem}.notes.txt": in_words("notes", language)}
        yield _row(f"{stem}.html", deck.settings["title"], [f"{deck.minutes:g} min"], notes, folder)
    yield "</table>"
    if sheets:
        yield f"<h2>{in_words('Cheat sheets', language)}</h2>\n<table>"
        for sheet in sheets:
            yield _row(
                f"{sheet.name}.html", f"Demo {sheet.number} · {sheet.title}", [], {f"{sheet.name}.pdf": "PDF"}, folder
            )
        yield "</table>"


def _row(file: str, title: str, cells: Sequence[str], others: dict[str, str], folder: Path) -> str:
    more = [_link(name, text) if (folder / name).is_file() else "" for name, text in others.items()]
    cells = [_link(file, title), *cells, *more]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _language(language: str, here: bool) -> str:
    return LANGUAGES[language] if here else _link(name_of(language), LANGUAGES[language])


def _link(file: str, text: str) -> str:
    return f'<a href="{file}">{escape(text)}</a>'
