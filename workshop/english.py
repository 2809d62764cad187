"""`python -m workshop.english`: phrases that read like a translation, with file and line; part of `make lint`.

In: every tracked file that people read in English, or the files named as arguments. It reads only the comments and
strings of Python, and only the text outside code blocks of Markdown. Out: one line for each phrase, and exit status 1
if there is any. The list is short on purpose: its patterns are always wrong here. docs/style.md says how to write
instead.
"""

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from workshop.processes import ROOT
from workshop.tracked import tracked
from workshop.translation import language

BANNED = {
    r"\b(?:for|of|to|from|by|with) who\b": "name the person: callers that …, readers that …",
    r"\b[Ww]hoever\b": "name the person: the caller, the reader, anyone who",
    r"\bwho has no\b": "callers without …",
    r"\b(?:that|which) (?:is|are) none\b": "say what it is not: malformed, not a number, unknown",
    r"\bare none of\b": "say it the other way round: never share …",
    r"\banew\b": "again",
    r"\bis told to who\b": "is logged, is reported",
    r"\bby (?:itself|themselves) alone\b": "alone",
}
PATTERN = re.compile("|".join(f"({banned})" for banned in BANNED))
PROSE = {".md", ".py", ".html", ".js", ".yml", ".yaml", ".toml", ".sh", ""}
FOREIGN = ("serving/tiny_model/corpus/", "workshop/english.py", "tests/frame/test_english.py", "docs/style.md")

STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
FENCE = re.compile(r"^\s*(?:```|~~~)")
CODE = re.compile(r"`[^`]*`")


def main(arguments: list[str] | None = None) -> int:
    named = sys.argv[1:] if arguments is None else arguments
    files = [ROOT / path for path in named] or filter(_people_read, tracked())
    found = [line for file in files for line in complaints(file)]
    print(*found, sep="\n" if found else "", end="\n" if found else "")
    return 1 if found else 0


def complaints(file: Path) -> Iterator[str]:
    for number, text in _prose(file):
        for match in PATTERN.finditer(text):
            advice = list(BANNED.values())[(match.lastindex or 1) - 1]
            name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
            yield f"{name}:{number}: “{match.group().strip()}”: {advice}"


def _people_read(file: Path) -> bool:
    english = file.suffix in PROSE and not language(file)
    return english and not file.relative_to(ROOT).as_posix().startswith(FOREIGN)


def _prose(file: Path) -> Iterator[tuple[int, str]]:
    text = file.read_text(errors="replace")
    if file.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT or token.type in STRINGS:
                for offset, line in enumerate(token.string.splitlines()):
                    yield token.start[0] + offset, line
        return
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if file.suffix == ".md" and FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, CODE.sub("", line) if file.suffix == ".md" else line


if __name__ == "__main__":
    sys.exit(main())
