"""The questions of a drill, and how answers are judged: choices, numbers, words and alerts, checked against evidence.

In: a person's answer. Out: a Verdict, which gives the reason for right and wrong answers. Text that cannot be an
answer, such as a letter that is not among the choices, is not judged. Questions are written in English and asked in
the spoken language. Knows nothing of drills.
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from workshop.drills.evidence import Evidence, NoEvidence
from workshop.translation.phrases import say, translated

LETTERS = "abcdef"


@dataclass(slots=True, frozen=True)
class Verdict:
    right: bool
    why: str


class Question(Protocol):
    """`text` is the question, with the possible answers in it."""

    @property
    def text(self) -> str: ...

    def misfit(self, answer: str) -> str:
        """The reason why the text cannot be an answer, without a word about the right one; empty if it can be one."""

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        """Is the answer right? Raises NoEvidence."""


@dataclass(slots=True, frozen=True)
class Choice:
    """One of several options, by its letter. `right` is the index of the right one, and `why` the reason."""

    asks: str
    options: Sequence[str]
    right: int
    why: str

    @property
    def text(self) -> str:
        return "\n".join(
            [
                translated(self.asks),
                *(f"   {letter}) {translated(said)}" for letter, said in zip(LETTERS, self.options, strict=False)),
            ]
        )

    def misfit(self, answer: str) -> str:
        letters = LETTERS[: len(self.options)]
        letter = _letter(answer)
        fits = len(letter) == 1 and letter in letters
        return "" if fits else say("{answer} is not one of {letters}", answer=repr(answer), letters=", ".join(letters))

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        return Verdict(_letter(answer) == LETTERS[self.right], f"{LETTERS[self.right]}: {translated(self.why)}")


@dataclass(slots=True, frozen=True)
class Number:
    """The present value of a query; `near` allows for what changes between two looks."""

    asks: str
    promql: str
    near: Callable[[float, float], bool]

    @property
    def text(self) -> str:
        return translated(self.asks)

    def misfit(self, answer: str) -> str:
        return "" if math.isfinite(_number(answer)) else say("{answer} is not a number", answer=repr(answer))

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        truth = evidence.value(self.promql)
        why = say("it is {truth} now, according to {query}", truth=f"{truth:.3g}", query=self.promql)
        return Verdict(self.near(_number(answer), truth), why)


@dataclass(slots=True, frozen=True)
class Word:
    """A name that the log or a trace shows."""

    asks: str
    look: Callable[[Evidence], str]
    why: str

    @property
    def text(self) -> str:
        return translated(self.asks)

    def misfit(self, answer: str) -> str:
        return _missing(answer)

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        truth = self.look(evidence)
        return Verdict(truth.lower().startswith(answer.strip().lower()), f"{truth}: {translated(self.why)}")


@dataclass(slots=True, frozen=True)
class Alert:
    """The alert that calls somebody: it must have fired in this drill, and be one that fits."""

    fitting: Collection[str]
    why: str

    @property
    def text(self) -> str:
        return say("Which alert fires? Its name")

    def misfit(self, answer: str) -> str:
        return _missing(answer)

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        fired = evidence.fired() & set(self.fitting)
        if not fired:
            pending = evidence.pending() & set(self.fitting)
            raise NoEvidence(
                say("the alert has not fired yet; it is pending: look at the Alerts page of Prometheus in a moment")
                if pending
                else say("the alert has not fired yet; look at the Alerts page of Prometheus in a moment")
            )
        why = f"{_either(fired)}: {translated(self.why)}"
        return Verdict(answer.strip().lower() in {name.lower() for name in fired}, why)


def within(edges: Sequence[float]) -> Callable[[float, float], bool]:
    """Are both in the same bucket of a histogram?"""
    return lambda given, truth: sum(given > edge for edge in edges) == sum(truth > edge for edge in edges)


def by(difference: float) -> Callable[[float, float], bool]:
    """At most this far from it."""
    return lambda given, truth: abs(given - truth) <= difference


def times(factor: float) -> Callable[[float, float], bool]:
    """At most `factor` times as much, and at least that fraction of it."""
    return lambda given, truth: truth / factor <= given <= truth * factor


def _letter(answer: str) -> str:
    return answer.strip(" ).").lower()


def _number(answer: str) -> float:
    """What the text says, with a decimal comma or a unit, too; NaN if it is not a number."""
    try:
        return float(answer.replace(",", ".").rstrip("%s "))
    except ValueError:
        return math.nan


def _missing(answer: str) -> str:
    return "" if answer.strip() else say("an empty answer is not a name")


def _either(names: Collection[str]) -> str:
    return say(" or ").join(sorted(names))
