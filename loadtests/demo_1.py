"""Demo 1 under load: ten people, a hundred prompts, and now and then a mistake.

Gates: every correct request is answered, with tokens, a cost and an id of its own; every mistake is refused with 422;
and 95 % of the answers take less than two seconds, the lab's line between fast and slow.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import gevent
from locust import FastHttpUser, constant, task

from loadtests.gate import PATIENCE
from loadtests.gates import About, Gate, Record, as_requests, judge_with, records, summary

REQUESTS = 100
MISTAKE_EVERY = 10
SLOW_MS = 2000 * PATIENCE
PROMPTS = (
    "Hola, ¿cómo estás?",
    "Explica qué es FastAPI en 2 líneas",
    "What is a time-out?",
    "Why do retries need jitter?",
    "¿Qué es una caché?",
)
MISTAKES = ({"prompt": "   "}, {"prompt": "a", "temperature": 3}, {"prompt": "a" * 5000})

numbers = itertools.count()


class Person(FastHttpUser):
    wait_time = constant(0)

    @task
    def ask(self) -> None:
        number = next(numbers)
        if number >= REQUESTS:
            self._go_home()
        elif number % MISTAKE_EVERY == 0:
            self._send("mistake", MISTAKES[number // MISTAKE_EVERY % len(MISTAKES)], expected=422)
        else:
            prompt = PROMPTS[number % len(PROMPTS)]
            self._send("generate", {"prompt": prompt, "temperature": 0.7, "max_tokens": 60}, expected=200)

    def _send(self, name: str, body: dict[str, Any], expected: int) -> None:
        with self.client.post("/generate", name=name, json=body, catch_response=True) as response:
            if response.status_code == expected:
                response.success()
            else:
                response.failure(f"{response.status_code} instead of {expected}: {(response.text or '')[:200]}")

    def _go_home(self) -> None:
        assert self.environment.runner is not None
        if len(records) >= REQUESTS:  # the other people have their answers too
            # Not from here: quitting kills the people first, and this greenlet is one of them.
            gevent.spawn(self.environment.runner.quit)
        gevent.sleep(1)


def judge(all_records: Sequence[Record]) -> list[Gate]:
    asked = [record for record in all_records if record.name == "generate"]
    mistakes = [record for record in all_records if record.name == "mistake"]
    answers = [record.answer for record in asked if record.failure is None]
    p95 = summary(asked)["p95_ms"]
    return [
        Gate(
            "every request is answered",
            len(asked) == REQUESTS - REQUESTS // MISTAKE_EVERY == len(answers),
            f"{REQUESTS - REQUESTS // MISTAKE_EVERY} answers",
            f"{len(answers)} of {len(asked)}; {next((r.failure for r in asked if r.failure), 'no failure')}",
        ),
        Gate(
            "every mistake is refused",
            all(record.failure is None for record in mistakes),
            "422 each",
            next((record.failure for record in mistakes if record.failure), "422 each"),
        ),
        Gate(
            "every answer has tokens and a cost",
            all(_is_accounted(answer) for answer in answers),
            "tokens.total > 0 and cost_usd > 0",
            str(next((answer for answer in answers if not _is_accounted(answer)), "all have them"))[:200],
        ),
        Gate(
            "every request has an id of its own",
            len({answer["request_id"] for answer in answers if _is_accounted(answer)}) == len(answers),
            f"{len(answers)} ids",
            f"{len({answer['request_id'] for answer in answers if _is_accounted(answer)})} ids",
        ),
        Gate(f"p95 under {SLOW_MS:g} ms", p95 < SLOW_MS, f"< {SLOW_MS:g} ms", f"{p95} ms"),
    ]


def _is_accounted(answer: Any) -> bool:
    try:
        metadata = answer["metadata"]
        return bool(answer["request_id"] and metadata["tokens"]["total"] > 0 and metadata["cost_usd"] > 0)
    except (KeyError, TypeError):
        return False


about = About(
    objectives=f"an answer in less than {SLOW_MS:g} ms",
    requests=lambda: as_requests(records, lambda record: record.latency_ms < SLOW_MS),
    settings={"requests": REQUESTS, "mistakes": f"one request in {MISTAKE_EVERY}, on purpose"},
    share=lambda _: len(records) / REQUESTS,
)

judge_with(judge, about)
