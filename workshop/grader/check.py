"""A graded check: a name, points, a sentence about behaviour, and the function that looks whether it is so.

A check is given a Subject. It returns when the behaviour is there, raises Failed when it is not, and NotGraded when
there is no way to know. Knows nothing of HTTP.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workshop.grader.subject import Subject

Look = Callable[[Subject], None]


@dataclass(slots=True, frozen=True)
class Check:
    """`title` says what a good service does; `points` are earned whole or not at all."""

    name: str
    points: int
    title: str
    look: Look


@dataclass(slots=True)
class Checklist:
    """The checks of one demo, in the order of their definition.

    `environment` is what the service under test is started with, when it is the grader that starts it; with `traces`,
    a receiver is started for them, too; with `cluster`, Ray Serve, which has the embedded model as its fallback.
    """

    title: str
    environment: Mapping[str, str] = field(default_factory=dict)
    traces: bool = False
    cluster: bool = False
    checks: list[Check] = field(default_factory=list)

    def check(self, title: str, *, points: int = 1) -> Callable[[Look], Look]:
        """Register a function; its name is the check's."""

        def register(look: Look) -> Look:
            self.checks.append(Check(look.__name__, points, title, look))
            return look

        return register

    def __getitem__(self, name: str) -> Check:
        return next(check for check in self.checks if check.name == name)
