"""Checks who answers the gateway's callers, the engine behind it or its fallback, and whether the answer is right.

In: the gateway, or the people who ask it. Out: nothing, or an AssertionError if it does not come true within minutes.
"""

from __future__ import annotations

import time

from tests.demo_6.crowd import Crowd
from tests.demo_6.deployed import wait_for
from workshop.grader.subject import Subject

MODEL = "workshop-tiny"
QUESTION, ANSWER = "What is FastAPI?", "FastAPI is a modern Python framework"
SOME = 10  # answers; enough to rule out chance


def answers_rightly(gateway: Subject) -> None:
    answer = gateway.ask(QUESTION, temperature=0, max_tokens=60, model=MODEL)
    assert answer.status == 200, answer.summary
    assert answer.json["output"].startswith(ANSWER)
    assert "x-fallback" not in answer.headers, "it was the fallback that answered"


def wait_for_the_engine(people: Crowd) -> None:
    """Waits until the cluster answers requests that begin from now on."""
    now = time.monotonic()
    wait_for(lambda: sum(one.by_the_engine for one in people.since(now)) >= SOME, "the engine answers")


def wait_for_the_fallback(people: Crowd) -> None:
    now = time.monotonic()
    wait_for(lambda: sum(one.by_the_fallback for one in people.since(now)) >= SOME, "the fallback answers")
