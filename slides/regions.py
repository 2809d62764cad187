"""Named regions of source files: the pieces of tested code that slides show.

In: a source file and a region's name. Out: the region's lines, dedented, without any marker lines.
Knows comment markers; knows nothing about decks, slides or how much fits on one.

A region is marked by comments, alone on their lines, in whatever comment style the file has:

    # region: retry-loop          Python, YAML, Makefile, shell, TOML
    <!-- region: retry-loop -->   Markdown, HTML
    // region: retry-loop         JavaScript; likewise `--` for SQL and `/* ... */` for CSS

and closed by `endregion: retry-loop` in the same style. Regions may nest and overlap.
"""

import re
import textwrap
from pathlib import Path

_MARKER = re.compile(
    r"^\s*(?:#|//|--|;|/\*|<!--)\s*(?P<end>end)?region:\s*(?P<name>[a-z0-9][a-z0-9-]*)\s*(?:\*/|-->)?\s*$"
)


class RegionError(Exception):
    """The requested piece of a source cannot be shown; the message says why, without naming the file."""


def read_source(path: Path) -> str:
    """The whole file without its marker lines."""
    lines = _lines(path)
    _spans(lines)
    return _shown(lines, "the file is empty")


def read_region(path: Path, name: str) -> str:
    """The lines between the markers of `name`, dedented."""
    lines = _lines(path)
    spans = _spans(lines)
    if name not in spans:
        known = ", ".join(sorted(spans)) or "none"
        raise RegionError(f"no such region (the file has: {known})")
    start, stop = spans[name]
    return _shown(lines[start:stop], "the region is empty")


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise RegionError("no such file")
    return path.read_text(encoding="utf-8").splitlines()


def _spans(lines: list[str]) -> dict[str, tuple[int, int]]:
    """Each region's name with the half-open range of the lines it holds."""
    opened: dict[str, int] = {}
    spans: dict[str, tuple[int, int]] = {}
    for index, line in enumerate(lines):
        marker = _MARKER.match(line)
        if marker is None:
            continue
        name = marker["name"]
        if marker["end"] is None:
            if name in opened or name in spans:
                raise RegionError(f"line {index + 1} opens region {name} a second time")
            opened[name] = index + 1
        elif name not in opened:
            raise RegionError(f"line {index + 1} closes region {name}, which is not open")
        else:
            spans[name] = (opened.pop(name), index)
    for name, start in opened.items():
        raise RegionError(f"line {start} opens region {name}, which is never closed")
    return spans


def _shown(lines: list[str], when_empty: str) -> str:
    kept = [line for line in lines if not _MARKER.match(line)]
    text = textwrap.dedent("\n".join(kept)).strip("\n")
    if not text.strip():
        raise RegionError(when_empty)
    return text
