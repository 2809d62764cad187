"""What a drill asks afterwards, and who is right: choices, numbers, words and alerts, held against the evidence.

In: a person's answer. Out: a Verdict, which says why, whoever was right. Knows nothing of drills and how they run.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from workshop.drills.evidence import Evidence, NoEvidence

LETTERS = "abcdef"


@dataclass(slots=True, frozen=True)
class Verdict:
    right: bool
    why: str


class Question(Protocol):
    """`text` asks; what may be answered is part of it."""

    @property
    def text(self) -> str: ...

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        """Is it right? Raises NoEvidence."""


@dataclass(slots=True, frozen=True)
class Choice:
    """One of several, by its letter. `right` is its place, and `why` the reason."""

    asks: str
    options: Sequence[str]
    right: int
    why: str

    @property
    def text(self) -> str:
        return "\n".join(
            [self.asks, *(f"   {letter}) {said}" for letter, said in zip(LETTERS, self.options, strict=False))]
        )

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        return Verdict(answer.strip(" ).").lower() == LETTERS[self.right], f"{LETTERS[self.right]}: {self.why}")


@dataclass(slots=True, frozen=True)
class Number:
    """What a query says now; `near` forgives what changes from one look to the next."""

    asks: str
    promql: str
    near: Callable[[float, float], bool]

    @property
    def text(self) -> str:
        return self.asks

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        truth = evidence.value(self.promql)
        why = f"it is {truth:.3g} just now, says {self.promql}"
        try:
            given = float(answer.replace(",", ".").rstrip("%s "))
        except ValueError:
            return Verdict(False, f"{answer!r} is no number; {why}")
        return Verdict(self.near(given, truth), why)


@dataclass(slots=True, frozen=True)
class Word:
    """A name that the log or a trace shows."""

    asks: str
    look: Callable[[Evidence], str]
    why: str

    @property
    def text(self) -> str:
        return self.asks

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        truth = self.look(evidence)
        return Verdict(bool(answer) and truth.lower().startswith(answer.strip().lower()), f"{truth}: {self.why}")


@dataclass(slots=True, frozen=True)
class Alert:
    """The alert that somebody is called for: it must fire now, and be one that fits."""

    fitting: Collection[str]
    why: str

    @property
    def text(self) -> str:
        return "Which alert fires? Its name"

    def judge(self, answer: str, evidence: Evidence) -> Verdict:
        firing = evidence.firing() & set(self.fitting)
        if not firing:
            waits = " it waits to be sure," if evidence.pending() & set(self.fitting) else ""
            raise NoEvidence(f"the alert does not fire yet;{waits} look at the Alerts page of Prometheus in a moment")
        return Verdict(answer.strip().lower() in {name.lower() for name in firing}, f"{_either(firing)}: {self.why}")


def within(edges: Sequence[float]) -> Callable[[float, float], bool]:
    """Are both in the same bucket of a histogram?"""
    return lambda given, truth: sum(given > edge for edge in edges) == sum(truth > edge for edge in edges)


def by(difference: float) -> Callable[[float, float], bool]:
    """At most so far from it."""
    return lambda given, truth: abs(given - truth) <= difference


def times(factor: float) -> Callable[[float, float], bool]:
    """Neither more than `factor` times as much, nor less than that part of it."""
    return lambda given, truth: truth / factor <= given <= truth * factor


def _either(names: Collection[str]) -> str:
    return " or ".join(sorted(names))
