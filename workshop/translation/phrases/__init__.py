"""What commands print, in the language of the person at the terminal: `WORKSHOP_LANG=es make start`. And what slides
and cheat sheets say in their language, apart from the pages that they are made of.

In: an English phrase, with {names} for what differs each time. Out: the same in the language that the environment asks
for; English where there is no translation. `es.py` holds the Spanish phrases by their English ones, so an English
phrase that changes has none until somebody translates it again; a test says so. Commands, names and errors stay
English.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module

from workshop.translation import ENGLISH, LANGUAGES

# As gettext asks them: the first that is set decides.
VARIABLES = ("WORKSHOP_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
_speaking: ContextVar[str | None] = ContextVar("speaking", default=None)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Inside the block this language is spoken, whatever the environment asks for: for what many people read."""
    before = _speaking.set(language)
    try:
        yield
    finally:
        _speaking.reset(before)


def spoken(environment: Mapping[str, str] = os.environ) -> str:
    """The suffix of the language that a person wants to read. `es_MX.UTF-8` and `es` are both Spanish."""
    if (chosen := _speaking.get()) is not None:
        return chosen
    wanted = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    code = wanted.lower()[:2]
    return code if code in LANGUAGES else ENGLISH


def say(phrase: str, **values: object) -> str:
    """The phrase in the spoken language, with its values."""
    return translated(phrase).format(**values)


def translated(phrase: str) -> str:
    """The phrase in the spoken language, as it stands: its braces are text, as in a query of Prometheus."""
    return in_words(phrase, spoken())


def in_words(phrase: str, language: str) -> str:
    return phrases(language).get(phrase, phrase)


@cache
def phrases(language: str) -> Mapping[str, str]:
    return _table("PHRASES", language)


def explained(sentence: str, language: str) -> str:
    """What the code says of one of its settings, routes or layers."""
    return explanations(language).get(sentence, sentence)


@cache
def explanations(language: str) -> Mapping[str, str]:
    return _table("EXPLANATIONS", language)


def _table(name: str, language: str) -> Mapping[str, str]:
    if language == ENGLISH:
        return {}
    found: Mapping[str, str] = getattr(import_module(f"workshop.translation.phrases.{language}"), name)
    return found
