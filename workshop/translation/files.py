"""The translated pages of the repository, beside their English ones.

In: paths of translations. Out: the pages up to date, and one line for each stale section and each fault.
"""

import difflib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from workshop.processes import ROOT
from workshop.tracked import tracked
from workshop.translation import ENGLISH, LANGUAGES, in_language, language, page

COMMAND = ".venv/bin/python -m workshop.translation"


def translations() -> list[Path]:
    return [path for path in tracked("*.md") if language(path)]


def write(pages: Sequence[Path]) -> list[str]:
    """Copy what is no prose into these pages, and the line of languages into their English ones. Returns complaints."""
    for path in pages:
        path.write_text(written(path))
    for source in {in_language(path, ENGLISH) for path in pages}:
        source.write_text(with_switch(source))
    return [line for path in pages for line in complaints(path)]


def renew(path: Path) -> None:
    """Mark each section of the page as a translation of what its English says now."""
    text = path.read_text()
    if not page.misplaced(_english(path), text):
        path.write_text(page.renewed(_english(path), text))


def written(path: Path) -> str:
    """What the page should hold: its own prose, and the code and numbers of its English."""
    return _with_switch(path, page.filled(_english(path), path.read_text()))


def with_switch(path: Path) -> str:
    """The page with the line that leads to its other languages."""
    return _with_switch(path, path.read_text())


def complaints(path: Path) -> Iterator[str]:
    """One line for each fault and each stale section."""
    yield from faults(path)
    yield from stale(path)


def differences(path: Path) -> list[str]:
    """Where a translation is not its English page in another language: code, tables, numbers, links."""
    source = in_language(path, ENGLISH)
    if not source.is_file():
        return [f"{_name(path)}: there is no {source.name} that it translates"]
    same = written(path) == path.read_text()
    return [*faults(path), *([] if same else [f"{_name(path)}: shows other code than its English: make reference"])]


def faults(path: Path) -> Iterator[str]:
    """What a translation says otherwise than its English: code, numbers and links."""
    for fault in page.faults(_english(path), path.read_text(), lambda link: _translated_link(path, link)):
        yield f"{_name(path)}: {fault}"


def stale(path: Path) -> Iterator[str]:
    """The sections whose English has changed."""
    for ours, theirs in page.stale(_english(path), path.read_text()):
        yield (
            f"{_name(path)}: “{theirs.heading}” is stale: its English, “{ours.heading}”, has changed. "
            f"See {COMMAND} diff {_name(path)}; then mend it, and {COMMAND} renew {_name(path)}"
        )


def changes(path: Path) -> Iterator[str]:
    """What has changed in the English of each stale section."""
    source = in_language(path, ENGLISH)
    for ours, theirs in page.stale(_english(path), path.read_text()):
        then = _as_it_was(source, theirs.mark)
        if then is None:
            yield f"{_name(path)}: “{theirs.heading}” is of a text that git does not have. Its English now:"
            yield f"\n{ours.text}"
            continue
        yield from difflib.unified_diff(
            then.text.splitlines(), ours.text.splitlines(), _name(source), f"{_name(source)}, now", n=9, lineterm=""
        )


def _with_switch(path: Path, text: str) -> str:
    if page.is_deck(text):
        return text  # a slide has no links; the list of the built decks leads to the other languages
    pages = {name: in_language(path, suffix) for suffix, name in LANGUAGES.items()}
    there = [name if other == path else f"[{name}]({other.name})" for name, other in pages.items() if other.exists()]
    return page.with_switch(text, " · ".join(there) if len(there) > 1 else "")


def _as_it_was(source: Path, mark: str) -> page.Section | None:
    """The newest section with this hash in the history of the English page."""
    for commit in _git(source, "log", "--format=%H", "--", source.name).split():
        for section in page.sections(_git(source, "show", f"{commit}:./{source.name}")):
            if section.hash == mark:
                return section
    return None


def _git(source: Path, *arguments: str) -> str:
    # check=False: outside of a repository, or where a commit has removed the page, there is just no text.
    return subprocess.run(["git", *arguments], cwd=source.parent, capture_output=True, text=True, check=False).stdout


def _english(path: Path) -> str:
    return in_language(path, ENGLISH).read_text()


def _translated_link(path: Path, link: str) -> str:
    """A link of the English page, to the same language as this page where there is such a page."""
    if not link.endswith(".md"):
        return link
    # Prose names files as seen from the repository, too.
    base = path.parent if (path.parent / link).exists() else ROOT
    target = in_language(base / link, language(path))
    return os.path.relpath(target, base) if target.exists() else link


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
