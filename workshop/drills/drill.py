"""A drill: what is broken and how, what its users ask and complain of, and the questions about it afterwards.

Does not know how it is started (runner.py), nor how answers are taken (quiz.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workshop.drills.questions import Question
from workshop.drills.traffic import Ask, everyday


@dataclass(slots=True, frozen=True)
class Drill:
    """`complaint` is all that its users say, in English as the questions are; `workshop/translation` has the rest.

    The users send the requests of `first`. After a calm the upstream gets `fault`, and they send those of `then`.

    In the end all of `alerts` fire. Those of `besides` may fire too, but no other alert of the workshop does.
    `settings` are for the gateway and the model server, from the start; `build` makes the service.
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
