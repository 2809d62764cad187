"""Demo 2 under load: two tenants, one asks at twice the rate of its limit, the other at half of it.

The limit is what the service itself says in its headers; the tenants' tokens are in TOKENS, the greedy one's first.
Gates: the modest tenant is never refused; the greedy one gets its limit and never more, in any window; every 429 says
truly when to come back; and nobody gets any other error.
"""

import itertools
import math
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import gevent
import requests
from locust import FastHttpUser, constant_throughput, events, task
from locust.env import Environment

from loadtests.gates import About, Gate, Record, as_requests, judge_with, records
from workshop.grader.windows import Seen, surely_together, wrongly_refused

GREEDY, MODEST = "greedy", "modest"
ASKS_AT = {GREEDY: 2.0, MODEST: 0.5}  # times its limit
PEOPLE = {GREEDY: 8, MODEST: 2}
LONGEST_WINDOW = 5.0  # seconds; of longer windows, only one and a half are watched
GETS_THROUGH_WITHIN = 5.0  # seconds for the last answers
QUESTION = "Hola"


@dataclass(slots=True, frozen=True)
class Asked:
    """One question, as its tenant saw it. Times in seconds on one clock."""

    tenant: str
    sent: float
    received: float
    status: int
    retry_after: str

    @property
    def seen(self) -> Seen:
        return Seen(self.sent, self.received, self.status == 200)


@dataclass(slots=True)
class Limit:
    """`requests` in `window` seconds, as the service says.

    Requests admitted before `known_from` may have come from another client that we did not see.
    """

    requests: int = 1
    window: float = 1.0
    known_from: float = 0.0

    @property
    def watched(self) -> float:
        """Seconds of load."""
        return self.window * (3 if self.window <= LONGEST_WINDOW else 1.5)


limit = Limit()
asked: list[Asked] = []
numbers = itertools.count()
closed = False


class Tenant(FastHttpUser):
    abstract = True
    name: ClassVar[str]
    token: ClassVar[str] = ""

    def wait_time(self) -> float:
        """A steady pace, however long answers take: the tenant's rate, divided among its people."""
        rate = ASKS_AT[self.name] * limit.requests / limit.window
        return float(constant_throughput(rate / PEOPLE[self.name])(self))

    @task
    def ask(self) -> None:
        if closed:
            gevent.sleep(1)
            return
        body = {"prompt": f"{QUESTION} {next(numbers)}", "max_tokens": 1}
        headers = {"Authorization": f"Bearer {self.token}"}
        sent = time.monotonic()
        with self.client.post("/generate", name=self.name, json=body, headers=headers, catch_response=True) as response:
            status, wait = response.status_code, (response.headers or {}).get("Retry-After", "")
            asked.append(Asked(self.name, sent, time.monotonic(), status, wait))
            if status in (200, 429):
                response.success()
            else:
                response.failure(f"{status}: {(response.text or '')[:200]}")


class Greedy(Tenant):
    name = GREEDY
    fixed_count = PEOPLE[GREEDY]


class Modest(Tenant):
    name = MODEST
    fixed_count = PEOPLE[MODEST]


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def begin(environment: Environment, **_: Any) -> None:
    """Learn the limit, and end the run once it has been watched long enough."""
    Greedy.token, Modest.token = _tokens()
    limit.requests, limit.window = _limit_of(str(environment.host), Modest.token)
    limit.known_from = time.monotonic() + limit.window
    gevent.spawn_later(limit.watched, _end, environment)


def _tokens() -> tuple[str, str]:
    match os.environ.get("TOKENS", "").split():
        case [greedy, modest, *_]:
            return greedy, modest
        case _:
            sys.exit(
                "it needs two tokens: make them (make token USER=ana), and set TOKENS to both, with a space between"
            )


def _limit_of(host: str, token: str) -> tuple[int, float]:
    body: dict[str, Any] = {"prompt": QUESTION, "max_tokens": 1}
    reply = requests.post(f"{host}/generate", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    most = reply.headers.get("x-ratelimit-limit-requests", "")
    window = re.search(rf";q={most};w=(\d+)", reply.headers.get("RateLimit-Policy", ""))
    if reply.status_code != 200 or not most.isdigit() or window is None:
        sys.exit(f"{host} does not say what its limit is: {reply.status_code}, {dict(reply.headers)}")
    return int(most), float(window[1])


def _end(environment: Environment) -> None:
    global closed
    closed = True
    gevent.sleep(min(GETS_THROUGH_WITHIN, limit.window))  # open requests still get their answer
    assert environment.runner is not None
    environment.runner.quit()


def judge(_: Sequence[Record]) -> list[Gate]:
    greedy = [one for one in asked if one.tenant == GREEDY]
    modest = [one for one in asked if one.tenant == MODEST]
    refused = [one for one in greedy if one.status == 429 and one.sent > limit.known_from]
    strange = [one.status for one in asked if one.status not in (200, 429)]
    together = surely_together([one.seen for one in greedy], limit.window)
    seen = wrongly_refused([one.seen for one in greedy], limit.requests, limit.window)
    wrong = [one for one in seen if one.sent > limit.known_from]
    untrue = [one for one in refused if not _is_true(one, greedy)]
    window = f"{limit.window:g} seconds"
    return [
        Gate(
            "the modest tenant is never refused",
            bool(modest) and all(one.status == 200 for one in modest),
            f"{len(modest)} answers of {len(modest)}",
            f"{sum(one.status == 200 for one in modest)}",
        ),
        Gate(
            "the greedy tenant is never over its limit",
            0 < together <= limit.requests,
            f"at most {limit.requests} in any {window}",
            f"{together}",
        ),
        Gate(
            "the greedy tenant gets all of its limit",
            bool(refused) and not wrong,
            f"none refused with fewer than {limit.requests} in the last {window}",
            f"{len(wrong)} of {len(refused)} so" if refused else f"none refused at all, of {len(greedy)}",
        ),
        Gate(
            "every 429 says truly when to come back",
            bool(refused) and not untrue,
            f"{len(refused)} with a Retry-After in whole seconds until there is room, rounded up",
            f"{len(refused) - len(untrue)} so{f', another: {untrue[0].retry_after}' if untrue else ''}",
        ),
        Gate("no other errors", not strange, "200 or 429", str(sorted(set(strange)))),
    ]


def _is_true(refused: Asked, greedy: Sequence[Asked]) -> bool:
    """There is room when the oldest of the last `limit` admissions leaves the window: no sooner, no later."""
    if not refused.retry_after.isdigit():
        return False
    # An admission lies between sending and answer; so, one window later, does the moment at which it leaves.
    surely_before = sorted(one.sent for one in greedy if one.status == 200 and one.received < refused.sent)
    maybe_before = sorted(one.received for one in greedy if one.status == 200 and one.sent < refused.received)
    if len(maybe_before) < limit.requests:
        return False
    oldest = surely_before[-limit.requests] if len(surely_before) >= limit.requests else -math.inf
    soonest = max(1.0, oldest + limit.window - refused.received)
    latest = max(1.0, maybe_before[-limit.requests] + limit.window - refused.sent)
    return math.ceil(soonest) <= int(refused.retry_after) <= math.ceil(latest)


about = About(
    objectives="an answer, however long it takes; what is over the limit is refused",
    requests=lambda: as_requests(records, lambda _: True),
    settings={f"{tenant} asks at": f"{times:g} times its limit" for tenant, times in ASKS_AT.items()},
    share=lambda elapsed: elapsed / limit.watched,
)

judge_with(judge, about)
