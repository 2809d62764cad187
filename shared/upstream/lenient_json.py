"""JSON as lenient readers take it: whatever Python's json or a browser's JSON.parse reads is read here too.

Engines write NaN for a probability, half of a surrogate pair for half an emoji, or a byte order mark first. Their
clients read that, so a relay must. Strict JSON takes the fast way.
"""

import json
from typing import Any

import orjson

LONGEST_INTEGER = 1000  # digits; longer ones become a float, as in JavaScript


class Unreadable(ValueError):
    """No lenient reader takes these bytes for JSON."""


def read(raw: bytes) -> Any:
    """The document. Raises Unreadable."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return _read(raw)
    except UnicodeDecodeError:  # a browser puts U+FFFD in the place of bytes that are not UTF-8
        return _read(raw.decode("utf-8", "replace"))


def _read(text: bytes | str) -> Any:
    try:
        return json.loads(text, parse_int=_integer)
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError):
        raise Unreadable from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < LONGEST_INTEGER else float(digits)


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined, and with U+FFFD for halves that stand alone: it can be written as UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def ends_in_half(text: str) -> bool:
    """Whether the last character is the first half of a surrogate pair."""
    return "\ud800" <= text[-1:] <= "\udbff"
