"""Finished English sentences, in the language of the person at the terminal.

The grader's results are recorded, signed and compared in English: a check's title, what it expected and what it got,
why a service did not start. Such a sentence is translated where it is printed. It is recognised there by the template
that it was made from, so the code that makes it is the same in every language.

In: an English sentence. Out: the same in the spoken language; the English one if no template fits, as no template fits
what a service has answered. `es/` holds the Spanish by the English templates, whose values are:

    {name}     any text, which may be a sentence too
    {name:s}   a sentence that has a template itself
    {name:w}   a word or two; `{name:ws}` up to four
    {name:n}   a number; `{name:ns}` several

Phrases that are printed where they are made are in `phrases`.
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from workshop.translation import ENGLISH
from workshop.translation.phrases import spoken

NUMBER = r"-?\d[\d.,]*(?:e[-+]?\d+)?"
WORD = r"[^\s;]+"
SENTENCE = "s"
KINDS = {
    "": r".*?",
    SENTENCE: r".*",
    "w": rf"{WORD}(?: {WORD})?",
    "ws": rf"{WORD}(?: {WORD}){{0,3}}",
    "n": NUMBER,
    "ns": rf"{NUMBER}(?: {NUMBER})*",
}


@dataclass(slots=True, frozen=True)
class Template:
    """`fixed`: how many characters are no values. Of the templates that fit, the one with the most is right.

    `sentences`: the names of the values that must be sentences.
    """

    pattern: re.Pattern[str]
    fixed: int
    sentences: frozenset[str]
    translation: str

    @classmethod
    def read(cls, english: str, translation: str) -> "Template":
        pattern, fixed, kinds = "", 0, dict[str, str]()
        for literal, name, kind, _ in string.Formatter().parse(english):
            pattern, fixed = pattern + re.escape(literal), fixed + len(literal)
            if name is not None:
                pattern += f"(?P={name})" if name in kinds else f"(?P<{name}>{KINDS[kind or '']})"
                kinds.setdefault(name, kind or "")
        sentences = frozenset(name for name, kind in kinds.items() if kind == SENTENCE)
        return cls(re.compile(pattern, re.DOTALL), fixed, sentences, translation)


def told(sentence: str) -> str:
    """The sentence in the spoken language."""
    return in_language(sentence, spoken())


def in_language(sentence: str, language: str) -> str:
    return _translated(sentence, language) or sentence


def _translated(sentence: str, language: str) -> str | None:
    """None if no template fits."""
    for template in templates(language):
        if found := template.pattern.fullmatch(sentence):
            values = {name: _translated(value, language) for name, value in found.groupdict().items()}
            if all(values[name] is not None for name in template.sentences):
                return template.translation.format_map({**found.groupdict(), **_there(values)})
    return None


def _there(values: Mapping[str, str | None]) -> Mapping[str, str]:
    return {name: value for name, value in values.items() if value is not None}


@cache
def templates(language: str) -> Sequence[Template]:
    """The language's templates, the most particular first."""
    read = [Template.read(english, translation) for english, translation in sentences(language).items()]
    return sorted(read, key=lambda template: -template.fixed)


def sentences(language: str) -> Mapping[str, str]:
    if language == ENGLISH:
        return {}
    found: Mapping[str, str] = import_module(f"workshop.translation.sentences.{language}").SENTENCES
    return found
