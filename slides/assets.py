"""Images, fonts, scripts and style sheets: a deck must carry its own.

In: Markdown, CSS, SVG or HTML. Out: the references to assets that a browser would fetch from elsewhere, and a deck's
pictures as part of its HTML. The words of an SVG in another language stand beside it: `box.es.json` has the Spanish
ones by the English ones of `box.svg`; names of code need no entry.
A link that a reader may click is not an asset. Knows nothing about slides.
"""

import base64
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from workshop.translation import ENGLISH

_ELSEWHERE = r"(?:https?:)?//[^\s\"'<>)]+"
_OUTSIDE = [
    re.compile(rf"!\[[^\]]*\]\(\s*<?(?P<url>{_ELSEWHERE})"),
    re.compile(rf"<[^>]*\b(?:src|srcset|data|poster)\s*=\s*[\"']?(?P<url>{_ELSEWHERE})", re.IGNORECASE),
    re.compile(rf"<(?:link|image|use)\b[^>]*\bhref\s*=\s*[\"']?(?P<url>{_ELSEWHERE})", re.IGNORECASE),
    re.compile(rf"url\(\s*[\"']?(?P<url>{_ELSEWHERE})", re.IGNORECASE),
    re.compile(rf"@import\s+[\"'](?P<url>{_ELSEWHERE})", re.IGNORECASE),
]
_PICTURE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(\s*(?P<target>[^)\s]+)\s*\)")
_RAW_PICTURE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=\s*([\"'])\s*[^\"'\s].*?\1")
_PROLOG = re.compile(r"<\?xml.*?\?>|<!DOCTYPE[^>]*>|<!--.*?-->", re.DOTALL)
_ID = re.compile(r"""(?P<before>\bid="|url\(#|href="#)(?P<id>[\w-]+)""")
_WORDS = re.compile(r"(?<=>)(?P<before>\s*)(?P<words>[^<>\s][^<>]*?)(?P<after>\s*)(?=<)")
_TALKS = re.compile(r"(?:^|\s)[^\W\d_][^\W\d_A-Z]+(?:$|[\s,.:?-])")  # `RequestLog`, `:8000` and `p50` say nothing
_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


def outside_assets(text: str) -> list[str]:
    """The URLs of assets that the text does not carry."""
    return [found["url"] for pattern in _OUTSIDE for found in pattern.finditer(text)]


def picture_faults(text: str, folder: Path, language: str = ENGLISH) -> list[str]:
    """The faults of the pictures in a piece of Markdown whose deck is in `folder`."""
    faults: list[str] = []
    for found in _PICTURE.finditer(text):
        alt, target = found["alt"].strip(), found["target"]
        if not alt or alt.split()[0] == "bg":
            faults.append(f"image {target} needs alt text that says what it shows")
        if target.startswith(("http:", "https:", "//", "data:")):
            continue
        file = folder / target
        if file.suffix not in _TYPES:
            faults.append(f"image {target} must be one of {', '.join(_TYPES)}")
        elif not file.is_file():
            faults.append(f"image {target} does not exist beside the deck")
        elif file.suffix == ".svg":
            faults += [f"image {target} loads {url}" for url in outside_assets(file.read_text(encoding="utf-8"))]
            faults += _untranslated(file, target, language)
    faults += [
        f"image {tag} needs alt text that says what it shows"
        for tag in _RAW_PICTURE.findall(text)
        if not _ALT.search(tag)
    ]
    return faults


def carry_pictures(text: str, folder: Path, language: str = ENGLISH) -> str:
    """The same Markdown with its pictures inlined. An SVG becomes elements, because an img lacks the page's fonts."""
    return _PICTURE.sub(_as_html(folder, language), text)


def words_of(svg: Path) -> list[str]:
    """The texts of a picture, in order."""
    return [html.unescape(found["words"]) for found in _WORDS.finditer(svg.read_text(encoding="utf-8"))]


def words_in(svg: Path, language: str) -> Mapping[str, str]:
    """What stands in place of a picture's English words; empty for English."""
    file = svg.with_suffix(f".{language}.json")
    words: Mapping[str, str] = json.loads(file.read_text(encoding="utf-8")) if language and file.is_file() else {}
    return words


def _untranslated(svg: Path, target: str, language: str) -> Iterator[str]:
    if language == ENGLISH:
        return
    english, ours = words_of(svg), words_in(svg, language)
    for words in dict.fromkeys(english):
        if words not in ours and _TALKS.search(words):
            yield f"image {target} says {words!r}, which {svg.stem}.{language}.json does not translate"
    for words in ours:
        if words not in english:
            yield f"image {target} does not say {words!r}, which {svg.stem}.{language}.json translates"


def _as_html(folder: Path, language: str) -> Callable[[re.Match[str]], str]:
    def replace(found: re.Match[str]) -> str:
        file, alt = folder / found["target"], html.escape(found["alt"])
        if file.suffix == ".svg":
            return f"<figure>{_elements(file, alt, words_in(file, language))}</figure>"
        data = base64.b64encode(file.read_bytes()).decode("ascii")
        return f'<img alt="{alt}" src="data:{_TYPES[file.suffix]};base64,{data}">'

    return replace


def _elements(file: Path, alt: str, words: Mapping[str, str]) -> str:
    """An SVG for use inside HTML: on one line, because a blank line ends HTML in Markdown, and with unique ids."""
    text = _PROLOG.sub("", file.read_text(encoding="utf-8"))
    text = _WORDS.sub(lambda found: found["before"] + _in(words, found["words"]) + found["after"], text)
    text = _ID.sub(rf"\g<before>{file.stem}-\g<id>", text)
    text = text.replace("<svg", f'<svg role="img" aria-label="{alt}"', 1)
    return re.sub(r"\s*\n\s*", " ", text.strip())


def _in(words: Mapping[str, str], escaped: str) -> str:
    english = html.unescape(escaped)
    return html.escape(words[english], quote=False) if english in words else escaped
