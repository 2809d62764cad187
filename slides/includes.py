"""The code that a fenced block shows: its own lines, or lines that an include directive takes from a source.

    ```python include=shared/layers/retry.py#retry-loop
    ```

In: a Fence and the root of the repository. Out: a Listing that fits a slide. Raises IncludeError for a missing file,
and for a region that is missing, empty, unbalanced or too large.
The project's own formatter wraps Python that is wider than a slide: the same code on more lines.
Knows how much code a slide holds; knows nothing about notes, headings or HTML.
"""

import ast
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from slides.deck import Fence
from slides.regions import RegionError, read_region, read_source

MAX_LINES = 22
MAX_COLUMNS = 90

_COMMENT_PADDING = re.compile(r"(?<=\S)  # +")  # between code and the comment behind it
_INCLUDE = re.compile(r"^(?P<language>[\w+-]*)\s*include=(?P<path>[^\s#]+)(?:#(?P<region>\S+))?$")


class IncludeError(Exception):
    """The block cannot be shown; the message names the source and its region where there is one."""


@dataclass(slots=True, frozen=True)
class Listing:
    """Code as a slide shows it; `source` is the file it came from, empty for lines written in the deck."""

    language: str
    code: str
    source: str = ""

    @property
    def lines(self) -> int:
        return self.code.count("\n") + 1

    @property
    def columns(self) -> int:
        return _columns(self.code)


def resolve(fence: Fence, root: Path) -> Listing:
    found = _INCLUDE.match(fence.info)
    if found is None and "include" in fence.info:
        raise IncludeError(f"cannot read {fence.info!r}: write <language> include=<path> or include=<path>#<region>")
    if found is None:
        listing = Listing(fence.info.split(" ")[0], fence.body)
        _refuse_large(listing, "the code block:")
        return listing
    path, region = found["path"], found["region"]
    label = f"include {path}#{region}" if region else f"include {path}"
    if fence.body.strip():
        raise IncludeError(f"{label}: the block must be empty; its lines come from the source")
    listing = Listing(found["language"], _source_text(root, path, region, label), path)
    if listing.language == "python" and len(_COMMENT_PADDING.findall(listing.code)) == 1:
        listing = replace(listing, code=_COMMENT_PADDING.sub("  # ", listing.code))  # no other comment to align with
    if listing.language == "python" and listing.columns > MAX_COLUMNS:
        listing = replace(listing, code=_wrapped(listing.code, label))
    _refuse_large(listing, f"{label}:")
    return listing


def _source_text(root: Path, path: str, region: str | None, label: str) -> str:
    file = (root / path).resolve()
    if not file.is_relative_to(root.resolve()):
        raise IncludeError(f"{label}: the path leaves the repository")
    try:
        return read_region(file, region) if region else read_source(file)
    except RegionError as error:
        raise IncludeError(f"{label}: {error}") from None


def _wrapped(code: str, label: str) -> str:
    """The code formatted for the width of a slide; unchanged if it does not parse alone."""
    code = _COMMENT_PADDING.sub(" # ", code)
    if _columns(code) <= MAX_COLUMNS or _is_part_of_an_expression(code):
        return code
    command = [sys.executable, "-m", "ruff", "format", "--isolated", f"--line-length={MAX_COLUMNS}", "--quiet", "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
    if "No module named ruff" in done.stderr:
        raise IncludeError(f"{label}: {_columns(code)} columns wide, and ruff, which would wrap it, is not installed")
    return code if done.returncode else done.stdout.strip("\n")


def _is_part_of_an_expression(code: str) -> bool:
    """Such as arguments of a call, one per line: alone they parse as tuples, and ruff would add parentheses."""
    try:
        statements = ast.parse(code).body
    except SyntaxError:
        return True
    return any(isinstance(getattr(statement, "value", None), ast.Tuple) for statement in statements)


def _columns(code: str) -> int:
    return max(len(line) for line in code.split("\n"))


def _refuse_large(listing: Listing, label: str) -> None:
    if listing.lines > MAX_LINES:
        raise IncludeError(f"{label} {listing.lines} lines; a slide holds {MAX_LINES}")
    if listing.columns > MAX_COLUMNS:
        raise IncludeError(f"{label} {listing.columns} columns wide; a slide holds {MAX_COLUMNS}")
