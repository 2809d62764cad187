"""Demo 4 under load: people arrive at random and do not wait for one another; most of them want a stream.

An open loop: the gaps between requests are exponential, and all times count from the moment at which a request was due,
so a service that falls behind cannot hide it by slowing its clients down. Gates: every request ends, with a complete
answer; tokens arrive as they are generated; 95 % of first tokens come soon; nearly everybody gets an answer within the
promised time (goodput); and the headline, 160 requests per minute.
"""

import itertools
import os
import random
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gevent
from gevent.pool import Group
from locust import FastHttpUser, constant, task

from loadtests.gate import seed_or
from loadtests.gates import About, Gate, Record, judge_with, percentile
from loadtests.streams import Heard

SECONDS = float(os.environ.get("LOAD_SECONDS", "20"))
RATE = 15.0  # requests per second, on average
STREAMS = 0.75  # of all requests
LENGTHS = (10, 120)  # tokens per answer
SEED = seed_or(4)
GETS_THROUGH_WITHIN = 15.0  # seconds for the last answers

# The promise, in seconds: to the first token, and for each token after it.
FIRST_TOKEN = 1.0
PER_TOKEN = 0.06
GOODPUT = 0.95
HEADLINE = 160  # requests per minute
LONG = 40  # tokens; with fewer, the last one follows the first too soon to tell a stream from one piece
EARLY = 0.5  # of the time to its end: the first token of a long answer comes before that

CHAT, CHAT_STREAM = "/v1/chat/completions", "/v1/chat/completions, streamed"
GENERATE, GENERATE_STREAM = "/generate", "/generate/stream"

chance = random.Random(SEED)
run = secrets.token_hex(4)  # so that a service that already runs has none of these answers
asked: list[Heard] = []
numbers = itertools.count()


class Crowd(FastHttpUser):
    """All people in one: Locust's own users wait for each answer before they ask again, and people do not."""

    wait_time = constant(0)
    concurrency = 1000
    network_timeout = connection_timeout = 60.0

    @task
    def come(self) -> None:
        people, due = Group(), time.monotonic()
        ends = due + SECONDS
        while (due := due + chance.expovariate(RATE)) < ends:
            gevent.sleep(max(0.0, due - time.monotonic()))
            people.start(gevent.Greenlet(self._ask, due, *_wish()))
        people.join(timeout=GETS_THROUGH_WITHIN)
        assert self.environment.runner is not None
        # Not from here: quitting kills the people first, and this greenlet is one of them.
        gevent.spawn(self.environment.runner.quit)
        gevent.sleep(1)

    def _ask(self, due: float, route: str, body: Mapping[str, Any]) -> None:
        heard = Heard(route, due, stream="stream" in route)
        asked.append(heard)
        path = route.partition(",")[0]
        with self.client.post(
            path, name=route, json=body, headers=_token(), stream=True, catch_response=True
        ) as response:
            try:
                if response.status_code != 200:
                    heard.failure = f"{response.status_code}: {(response.text or response.error or '')!s:.200}"
                elif heard.stream:
                    heard.listen(partial(response.stream.readline, b"\n"))
                else:
                    heard.read(response.json())
            except Exception as fault:  # whatever it was, the answer is incomplete
                heard.failure = f"{type(fault).__name__}: {fault}"
            if heard.failure and heard.ended is None:
                heard.ended = time.monotonic()
            response.request_meta["response_time"] = (time.monotonic() - due) * 1000
            if heard.failure:
                response.failure(heard.failure)
            else:
                response.success()


def _token() -> dict[str, str]:
    """The first of TOKENS: a running service may want to know who asks."""
    tokens = os.environ.get("TOKENS", "").split()
    return {"Authorization": f"Bearer {tokens[0]}"} if tokens else {}


def _wish() -> tuple[str, Mapping[str, Any]]:
    prompt = f"{run}: question {next(numbers)}"
    length = chance.randint(*LENGTHS)
    stream, openai = chance.random() < STREAMS, chance.random() < 0.5
    if not openai:
        return (GENERATE_STREAM if stream else GENERATE), {"prompt": prompt, "max_tokens": length}
    body: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}], "max_tokens": length}
    if not stream:
        return CHAT, body
    return CHAT_STREAM, body | {"stream": True, "stream_options": {"include_usage": True}}


def keeps_promise(heard: Heard) -> bool:
    """An answer in one piece shows nothing before its end: it may take as long as a stream of its length may."""
    if not heard.complete:
        return False
    if not heard.stream:
        return heard.total < FIRST_TOKEN + PER_TOKEN * heard.tokens
    return heard.to_first_token < FIRST_TOKEN and heard.per_token < PER_TOKEN


def judge(_: Sequence[Record]) -> list[Gate]:
    streams = [heard for heard in asked if heard.stream]
    long = [heard for heard in streams if heard.whole and heard.tokens >= LONG]
    failures = [heard.failure or "never ended" for heard in asked if not heard.whole]
    incomplete = [heard for heard in asked if heard.whole and not heard.complete]
    early = sum(heard.to_first_token < EARLY * heard.total for heard in long)
    first = percentile(sorted(heard.to_first_token for heard in streams) or [float("inf")], 95)
    goodput = sum(map(keeps_promise, asked)) / max(len(asked), 1)
    per_minute = _answered_per_minute()
    return [
        Gate(
            "every request ends, every stream with [DONE]",
            bool(asked) and not failures,
            f"{len(asked)} ends",
            f"{len(asked) - len(failures)}; {failures[0] if failures else 'no failure'}",
        ),
        Gate(
            "every answer is as long as it says",
            bool(asked) and not incomplete,
            "its words are its tokens",
            f"{len(incomplete)} are not" + (f": {incomplete[0].text[:80]!r}" if incomplete else ""),
        ),
        Gate(
            "tokens come as they are generated",
            early >= GOODPUT * len(long) > 0,
            f"{GOODPUT:.0%} of long streams have their first token in the first half of their time",
            f"{early} of {len(long)}",
        ),
        Gate(
            f"first token's p95 under {FIRST_TOKEN:g} s", first < FIRST_TOKEN, f"< {FIRST_TOKEN:g} s", f"{first:.3f} s"
        ),
        Gate(
            f"goodput of {GOODPUT:.0%}",
            goodput >= GOODPUT,
            f">= {GOODPUT:.0%} within {FIRST_TOKEN:g} s to the first token and {PER_TOKEN * 1000:g} ms for each other",
            f"{goodput:.1%}",
        ),
        Gate(
            f"{HEADLINE} requests a minute",
            per_minute >= HEADLINE,
            f">= {HEADLINE} answered a minute",
            f"{per_minute:.0f}",
        ),
    ]


def _answered_per_minute() -> float:
    ended = [heard.ended for heard in asked if heard.complete and heard.ended is not None]
    if not ended:
        return 0.0
    return 60 * len(ended) / (max(ended) - min(heard.due for heard in asked))


def summary(_: Sequence[Record]) -> dict[str, float]:
    """The numbers behind the gates, in milliseconds."""
    streams = [heard for heard in asked if heard.stream and heard.whole]
    firsts = sorted(heard.to_first_token * 1000 for heard in streams) or [0.0]
    per_token = sorted(heard.per_token * 1000 for heard in streams) or [0.0]
    totals = sorted(heard.total * 1000 for heard in asked if heard.whole) or [0.0]
    shown = {
        "ttft_p50_ms": percentile(firsts, 50),
        "ttft_p95_ms": percentile(firsts, 95),
        "tpot_p50_ms": percentile(per_token, 50),
        "tpot_p95_ms": percentile(per_token, 95),
        "total_p95_ms": percentile(totals, 95),
        "per_minute": _answered_per_minute(),
    }
    return {"requests": len(asked), "streams": len(streams), **{name: round(n, 1) for name, n in shown.items()}}


about = About(
    objectives=f"the first token within {FIRST_TOKEN:g} s, and each other within {PER_TOKEN * 1000:g} ms",
    requests=lambda: [heard.as_request(good=keeps_promise(heard)) for heard in asked],
    seed=SEED,
    settings={
        "seconds": SECONDS,
        "requests per second": f"{RATE:g}, at random moments",
        "streams": f"{STREAMS:.0%}",
        "tokens per answer": "{} to {}".format(*LENGTHS),
    },
    share=lambda elapsed: elapsed / SECONDS,
)

judge_with(judge, about, summary)
