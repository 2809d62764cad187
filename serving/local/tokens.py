"""The simulator's tokens: each word is one, and so is each punctuation mark.

In: text. Out: how many tokens it has, or the tokens themselves.
"""

from __future__ import annotations

import re

TOKEN = re.compile(r"\w+|[^\w\s]")
WITH_SPACE_BEFORE = re.compile(r"\s*(?:\w+|[^\w\s])|\s+$")


def count(text: str) -> int:
    return sum(1 for _ in TOKEN.finditer(text))


def split(text: str) -> list[str]:
    """The tokens, each with the space before it: joined, they give the text again."""
    return WITH_SPACE_BEFORE.findall(text)
