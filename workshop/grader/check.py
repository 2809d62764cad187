"""A graded check: a name, points, a sentence about behaviour, and the function that checks it.

A check gets a Subject. It returns if the service behaves so, raises Failed if it does not, and NotGraded if there is no
way to know. Knows nothing of HTTP.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workshop.grader.subject import Subject

Look = Callable[[Subject], None]


@dataclass(slots=True, frozen=True)
class Check:
    """`title` says what a good service does. A check earns all of its `points`, or none."""

    name: str
    points: int
    title: str
    look: Look


@dataclass(slots=True)
class Checklist:
    """The checks of one demo, in the order in which they are defined.

    When the grader itself starts the service under test, it starts it with `environment`. With `traces`, it also starts
    a trace receiver; with `cluster`, Ray Serve, which has the embedded model as its fallback.
    """

    title: str
    environment: Mapping[str, str] = field(default_factory=dict)
    traces: bool = False
    cluster: bool = False
    checks: list[Check] = field(default_factory=list)

    def check(self, title: str, *, points: int = 1) -> Callable[[Look], Look]:
        """Register a function; its name becomes the name of the check."""

        def register(look: Look) -> Look:
            self.checks.append(Check(look.__name__, points, title, look))
            return look

        return register

    def __getitem__(self, name: str) -> Check:
        return next(check for check in self.checks if check.name == name)
