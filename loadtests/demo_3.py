"""Demo 3 under load: eight people, 150 questions, a few asked often and most hardly ever (Zipf), first cold, then warm.

Gates: at least 85 % of the answers come from the cache; 95 % of the hits take at most a tenth of what misses take, and
at most 50 ms; nobody gets an error; and the server's own numbers agree with what the clients saw.
"""

import itertools
import json
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any

import gevent
from locust import FastHttpUser, constant, task

from loadtests.gate import PATIENCE, seed_or
from loadtests.gates import About, Gate, Record, as_requests, judge_with, percentile, records

QUESTIONS = 150
EXPONENT = 1.1  # the question of rank r is asked 1/r^1.1 times as often as the first
REQUESTS = 1200  # the first half finds the cache cold
SEED = seed_or(3)
HIT_RATE = 0.85
HIT_MS = 50 * PATIENCE
SHARE_OF_A_MISS = 0.1 * PATIENCE
COUNTED_AS = {"hit": "hits", "miss": "misses", "coalesced": "coalesced"}  # X-Cache, and its name in /cache/stats
STATS = "stats"

chance = random.Random(SEED)
ranks = chance.choices(range(QUESTIONS), [1 / (rank + 1) ** EXPONENT for rank in range(QUESTIONS)], k=REQUESTS)
run = secrets.token_hex(4)  # so that a service that already runs has none of these answers
numbers = itertools.count()


class Person(FastHttpUser):
    wait_time = constant(0.02)

    def on_start(self) -> None:
        self._look()  # everybody looks before they ask, so the first look is at the beginning

    @task
    def ask(self) -> None:
        number = next(numbers)
        if number >= REQUESTS:
            self._go_home()
            return
        body = {"prompt": f"{run}: question {ranks[number]}", "temperature": 0, "max_tokens": 20}
        with self.client.post("/generate", name="error", json=body, catch_response=True) as response:
            if response.status_code == 200:
                response.request_meta["name"] = str(response.headers.get("X-Cache", "no X-Cache"))
                response.success()
            else:
                response.failure(f"{response.status_code}: {(response.text or '')[:200]}")

    def _look(self) -> None:
        self.client.get("/cache/stats", name=STATS)

    def _go_home(self) -> None:
        assert self.environment.runner is not None
        if sum(record.name != STATS for record in records) >= REQUESTS:  # the other people have their answers too
            self._look()
            # Not from here: quitting kills the people first, and this greenlet is one of them.
            gevent.spawn(self.environment.runner.quit)
        gevent.sleep(1)


def judge(all_records: Sequence[Record]) -> list[Gate]:
    asked = [record for record in all_records if record.name != STATS]
    seen = Counter(record.name for record in asked)
    failures = [record.failure for record in asked if record.failure]
    rate = seen["hit"] / max(len(asked), 1)
    hit, miss = (_p95([record for record in asked if record.name == name]) for name in ("hit", "miss"))
    counted = _grown([record.answer for record in all_records if record.name == STATS])
    told = {name: seen[name] for name in COUNTED_AS}
    return [
        Gate(f"hit rate of {HIT_RATE:.0%}", rate >= HIT_RATE, f">= {HIT_RATE:.0%}", f"{rate:.1%}"),
        Gate(
            f"hits' p95 at most {SHARE_OF_A_MISS:.0%} of misses' p95",
            0 < hit <= miss * SHARE_OF_A_MISS,
            f"<= {miss * SHARE_OF_A_MISS:.1f} ms",
            f"{hit:.1f} ms",
        ),
        Gate(f"hits' p95 at most {HIT_MS:g} ms", 0 < hit <= HIT_MS, f"<= {HIT_MS:g} ms", f"{hit:.1f} ms"),
        Gate(
            "no errors",
            len(asked) == REQUESTS and not failures,
            f"{REQUESTS} answers",
            f"{len(asked) - len(failures)} of {len(asked)}; {failures[0] if failures else 'no failure'}",
        ),
        Gate("/cache/stats counts what clients saw", counted == told, json.dumps(told), json.dumps(counted)),
    ]


def _p95(some: Sequence[Record]) -> float:
    return percentile(sorted(record.latency_ms for record in some) or [0.0], 95)


def _grown(looks: Sequence[Any]) -> dict[str, int] | None:
    """How much each number grew between the first look and the last; None if they cannot be read."""
    try:
        first, last = looks[0]["responses"], looks[-1]["responses"]
        return {seen: last[counted] - first[counted] for seen, counted in COUNTED_AS.items()}
    except (KeyError, TypeError, IndexError):
        return None


def _questions() -> list[Record]:
    return [record for record in records if record.name != STATS]


about = About(
    objectives=f"a hit within {HIT_MS:g} ms, or any other answer",
    requests=lambda: as_requests(_questions(), lambda record: record.name != "hit" or record.latency_ms <= HIT_MS),
    seed=SEED,
    settings={"requests": REQUESTS, "questions": QUESTIONS, "Zipf exponent": EXPONENT},
    share=lambda _: len(_questions()) / REQUESTS,
)

judge_with(judge, about)
