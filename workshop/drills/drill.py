"""A drill: what is broken and how, who asks meanwhile, what they complain of, and what is asked about it afterwards.

Knows nothing of how it is started (runner.py), nor of how answers are taken (quiz.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workshop.drills.questions import Question
from workshop.drills.traffic import Ask, everyday


@dataclass(slots=True, frozen=True)
class Drill:
    """`complaint` is all that its users say. They ask what `first` says; after a calm the upstream meets `fault`, and
    they ask what `then` says.

    Of the workshop's alerts, all of `alerts` fire in the end; those of `besides` may, and no others.
    `settings` are the gateway's and the model server's, from the start; `build` makes the service.
    """

    name: str
    complaint: str
    alerts: frozenset[str]
    questions: Sequence[Question]
    besides: frozenset[str] = frozenset()
    fault: Mapping[str, Any] | None = None
    first: Ask = everyday
    then: Ask = everyday
    settings: Mapping[str, str] = field(default_factory=dict)
    build: str = "demos.demo_5_observability.app:build"
