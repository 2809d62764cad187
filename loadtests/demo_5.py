"""Demo 5 under load: what the service says of itself must agree with what its clients saw, request for request.

A crowd does everything that can be counted: new and repeated questions, streams, wrong and greedy requests, some that
take too long. Gates: the counters of GET /metrics grew by exactly that, whichever worker answers: requests, errors by
class, tokens, dollars, hits, streams. The p95 is within one bucket of the clients' own. If PROMETHEUS_URL names a
Prometheus that scrapes the service, it must come to say the same.

By hand, for two minutes, with a real Prometheus:
    UVICORN_WORKERS=4 RATE_LIMIT_RPM=1000000 RATE_LIMIT_RPH=1000000 RATE_LIMIT_TPM=1000000000 make demo-5
    LOAD_SECONDS=120 PROMETHEUS_URL=http://localhost:8200 TOKENS=$(make -s token USER=ana | tail -n 1) \
        make load-5 URL=http://localhost:8000
Nobody else may call the service meanwhile: make demo-5 itself sends a few requests in its first quarter of a minute.
"""

import itertools
import json
import math
import os
import random
import secrets
import time
import urllib.parse
import urllib.request
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gevent
from gevent.pool import Group
from locust import FastHttpUser, constant, events, task
from prometheus_client.parser import text_string_to_metric_families

from loadtests.gate import seed_or
from loadtests.gates import About, Gate, Record, judge_with, percentile, summary
from loadtests.timeline import Request
from workshop import direct
from workshop.grader.exposition import reader_headers

SECONDS = float(os.environ.get("LOAD_SECONDS", "20"))
PROMETHEUS = os.environ.get("PROMETHEUS_URL", "").rstrip("/")
SEED = seed_or(5)
PEOPLE = 12
PAUSE = 0.02  # seconds between an answer and the next question
GETS_THROUGH_WITHIN = 60.0  # seconds for the last answers
SETTLES_WITHIN = 3.0  # seconds
SCRAPED_WITHIN = 60.0  # seconds
LOOKS = 8  # at /metrics, each on a new connection, and so perhaps at another worker
PERCENT = 95
CENT = 1e-6  # US dollars; sums of floating-point numbers depend on the order of addition

GENERATE, STREAM = "/generate", "/generate/stream"
CHAT, CHAT_STREAM = "/v1/chat/completions", "/v1/chat/completions, streamed"
STREAMED = (STREAM, CHAT_STREAM)
TOPICS = 12  # questions that are asked again and again
TOO_LONG = 1000  # tokens: more than the deadline allows
TOO_MUCH = {"n": 100, "max_tokens": 4000}  # more than RATE_LIMIT_TPM allows anybody

REQUESTS, ERRORS_4XX, ERRORS_5XX = (
    "inference_requests_total",
    "inference_errors_4xx_total",
    "inference_errors_5xx_total",
)
LIMITED, HITS, MISSES = "rate_limit_hits_total", "inference_cache_hits_total", "inference_cache_misses_total"
INPUT, OUTPUT, COST = "gateway_tokens_total, input", "gateway_tokens_total, output", "gateway_cost_usd_total"
FIRST_TOKENS = "gen_ai_server_time_to_first_token_seconds_count"
BUCKET = "inference_request_duration_ms_bucket"
IN_PROMQL = {
    **{name: f"sum({name})" for name in (REQUESTS, ERRORS_4XX, ERRORS_5XX, LIMITED, HITS, MISSES, COST, FIRST_TOKENS)},
    INPUT: 'sum(gateway_tokens_total{direction="input"})',
    OUTPUT: 'sum(gateway_tokens_total{direction="output"})',
}

Counts = Mapping[str, float]

chance = random.Random(SEED)
run = secrets.token_hex(4)  # so that a service that already runs has none of these answers
numbers = itertools.count()


@dataclass(slots=True)
class Lived:
    """One request as its client saw it. `status` 0: there was no answer. `provoked` is the status that it aims at.

    Times are readings of time.monotonic().
    """

    route: str
    due: float
    provoked: int = 200
    status: int = 0
    ms: float = 0.0
    cache: str = ""
    limited: bool = False
    tokens_input: int = 0
    tokens_output: int = 0
    cost_usd: float = 0.0
    began: bool = False  # a stream whose first token came
    whole: bool = False
    first: float | None = None
    ended: float | None = None

    def tell(self, metadata: Mapping[str, Any]) -> None:
        tokens = metadata["tokens"]
        self.tokens_input, self.tokens_output = tokens["input"], tokens["output"]
        self.cost_usd = metadata["cost_usd"]
        self.whole = True

    def as_request(self) -> Request:
        """The same as one line of a report."""
        answered, refused = self.status == 200 and self.whole, self.status == self.provoked != 200
        fault = f"{self.status}" if self.status not in (0, 200) else "incomplete" if self.status else "no answer"
        return Request(
            route=self.route,
            due=self.due,
            ended=self.ended,
            first=self.first,
            input_tokens=self.tokens_input,
            output_tokens=self.tokens_output,
            failure="" if self.ended is None or answered or refused else fault,
            refused=refused,
            good=answered,
        )


lived: list[Lived] = []
before: dict[str, float] = {}


# --- the crowd ---------------------------------------------------------------------------------------------------


class Crowd(FastHttpUser):
    """All people in one, so that nobody is stopped before their last answer has come."""

    wait_time = constant(0)
    concurrency = 100
    network_timeout = connection_timeout = 60.0

    @task
    def come(self) -> None:
        people, ends = Group(), time.monotonic() + SECONDS
        for _ in range(PEOPLE):
            people.start(gevent.Greenlet(self._ask_until, ends))
        people.join(timeout=SECONDS + GETS_THROUGH_WITHIN)
        assert self.environment.runner is not None
        # Not from here: quitting kills the people first, and this greenlet is one of them.
        gevent.spawn(self.environment.runner.quit)
        gevent.sleep(1)

    def _ask_until(self, ends: float) -> None:
        while time.monotonic() < ends:
            self._ask()
            gevent.sleep(PAUSE)

    def _ask(self) -> None:
        route, body, provoked = _wish()
        started = time.monotonic()
        here = Lived(route, started, provoked)
        lived.append(here)
        path = route.partition(",")[0]
        with self.client.post(
            path, name=route, json=body, headers=_token(), stream=True, catch_response=True
        ) as response:
            here.status = response.status_code or 0
            if here.status:
                here.cache = response.headers.get("x-cache", "")
            if here.status == 200 and route in STREAMED:
                _listen(here, partial(response.stream.readline, b"\n"))
            elif here.status:
                _read(here, response)
            here.ended = time.monotonic()
            here.ms = (here.ended - started) * 1000
            response.request_meta["response_time"] = here.ms
            response.success()  # refusals are intended; the gates report what is wrong with the rest


def _token() -> dict[str, str]:
    """The first of TOKENS: a running service may want to know who asks."""
    tokens = os.environ.get("TOKENS", "").split()
    return {"Authorization": f"Bearer {tokens[0]}"} if tokens else {}


def _wish() -> tuple[str, Mapping[str, Any], int]:
    """The next request: its route, its body, and the status that it aims at."""
    new = f"{run}: question {next(numbers)}"
    dice, length = chance.random(), chance.randint(5, 60)
    if dice < 0.03:
        return GENERATE, {"prompt": " "}, 422
    if dice < 0.05:
        return CHAT, {"messages": [{"role": "user", "content": new}], "model": f"model-{run}-{next(numbers)}"}, 404
    if dice < 0.07:
        return CHAT, {"messages": [{"role": "user", "content": new}], **TOO_MUCH}, 429
    if dice < 0.10:
        return GENERATE, {"prompt": new, "max_tokens": TOO_LONG}, 504
    if dice < 0.35:
        return GENERATE, {"prompt": f"{run}: topic {chance.randrange(TOPICS)}", "temperature": 0, "max_tokens": 20}, 200
    if dice < 0.50:
        return GENERATE, {"prompt": new, "max_tokens": length}, 200
    if dice < 0.75:
        return STREAM, {"prompt": new, "max_tokens": length}, 200
    body: dict[str, Any] = {"messages": [{"role": "user", "content": new}], "max_tokens": length}
    return (CHAT, body, 200) if dice < 0.85 else (CHAT_STREAM, {**body, "stream": True}, 200)


def _read(here: Lived, response: Any) -> None:
    """An answer in one piece, or an error."""
    document = response.json()
    if here.status != 200:
        here.limited = here.status == 429 and "limit" in document["error"]["code"]
        here.whole = True
    elif here.route == GENERATE:
        here.tell(document["metadata"])
    else:
        usage = document["usage"]
        tokens = {"input": usage["prompt_tokens"], "output": usage["completion_tokens"]}
        here.tell({"tokens": tokens, "cost_usd": float(response.headers["x-cost-usd"])})


def _listen(here: Lived, readline: Callable[[], bytes]) -> None:
    """A stream to its end. The metadata is an event on our own routes, and a comment on OpenAI's."""
    while line := readline():
        if line.startswith(b"data: {") and not here.began:
            here.began, here.first = True, time.monotonic()
        if b'"metadata"' in line:
            here.tell(json.loads(line[line.index(b"{") :])["metadata"])


# --- what the service says ---------------------------------------------------------------------------------------


def _scrape(url: str) -> dict[str, float]:
    """The numbers of GET /metrics, under the gates' names."""
    request = urllib.request.Request(f"{url}/metrics", headers=reader_headers())
    with direct.urlopen(request, 30) as answer:
        text = answer.read().decode()
    found: dict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = sample.name
            if name == "gateway_tokens_total":
                name = INPUT if sample.labels["direction"] == "input" else OUTPUT
            elif name == BUCKET:
                name = _bucket(float(sample.labels["le"]))
            found[name] += sample.value
    return found


def _bucket(edge_ms: float) -> str:
    return f"{BUCKET} {edge_ms:g}"


def _since(now: Counts, name: str) -> float:
    return now.get(name, 0.0) - before.get(name, 0.0)


def _expected() -> dict[str, float]:
    """What must have been counted for all these requests."""
    results = Counter(here.cache for here in lived)
    return {
        REQUESTS: len(lived),
        ERRORS_4XX: sum(400 <= here.status < 500 for here in lived),
        ERRORS_5XX: sum(here.status >= 500 for here in lived),
        LIMITED: sum(here.limited for here in lived),
        INPUT: sum(here.tokens_input for here in lived),
        OUTPUT: sum(here.tokens_output for here in lived),
        COST: math.fsum(here.cost_usd for here in lived),
        HITS: results["hit"] + results["coalesced"],
        MISSES: results["miss"],
        FIRST_TOKENS: sum(here.began for here in lived),
    }


def _same(got: float, expected: float) -> bool:
    return abs(got - expected) < CENT


def _right(now: Counts, expected: Counts) -> bool:
    return all(_same(_since(now, name), value) for name, value in expected.items())


def _settled(expected: Counts) -> dict[str, float]:
    """What /metrics says, once it is right or out of time."""
    patience_ends = time.monotonic() + SETTLES_WITHIN
    while True:
        now = _scrape(service_url)
        if _right(now, expected) or time.monotonic() > patience_ends:
            return now
        time.sleep(0.1)


# --- the gates ---------------------------------------------------------------------------------------------------

service_url = ""


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _look_first(environment: Any, **_: Any) -> None:
    global service_url
    service_url = environment.host.rstrip("/")
    before.update(_scrape(service_url))


def judge(_: Sequence[Record]) -> list[Gate]:
    expected = _expected()
    now = _settled(expected)
    lost = [here for here in lived if not here.whole]
    gates = [
        Gate(
            "every request got a complete answer",
            bool(lived) and not lost,
            f"{len(lived)} answers",
            f"{len(lived) - len(lost)}; {lost[0] if lost else 'none is missing'}",
        ),
        _counted("requests are counted as sent", now, expected, REQUESTS),
        _counted("errors are counted as seen, by class", now, expected, ERRORS_4XX, ERRORS_5XX, LIMITED),
        _counted("tokens are those of the answers", now, expected, INPUT, OUTPUT),
        _counted("dollars are those of the answers", now, expected, COST),
        _counted("hits and misses are those in X-Cache", now, expected, HITS, MISSES),
        _counted("first tokens are those of the streams", now, expected, FIRST_TOKENS),
        _by_route(now),
        _everybody_agrees(expected),
        _p95(now),
    ]
    return [*gates, _prometheus(now)] if PROMETHEUS else gates


def _counted(title: str, now: Counts, expected: Counts, *names: str) -> Gate:
    got = {name: _since(now, name) for name in names}
    passed = all(_same(got[name], expected[name]) for name in names)
    return Gate(title, passed, _shown({name: expected[name] for name in names}), _shown(got))


def _shown(counts: Counts) -> str:
    return " · ".join(f"{name} {value:.10g}" for name, value in counts.items())


def _by_route(now: Counts) -> Gate:
    """The histogram has every request, streams with their whole time."""
    everything, got = len(lived), _since(now, _bucket(math.inf))
    least = math.fsum(here.ms for here in lived if here.route in STREAMED and here.whole) * 0.5
    took = _since(now, "inference_request_duration_ms_sum")
    return Gate(
        "all times are recorded, streams to their ends",
        got == everything and took >= least,
        f"{everything} times, {least:.0f} ms of streams among them",
        f"{got:.0f} times, {took:.0f} ms",
    )


def _everybody_agrees(expected: Counts) -> Gate:
    looks = [_scrape(service_url) for _ in range(LOOKS)]
    right = sum(_right(look, expected) for look in looks)
    return Gate("every worker says the same", right == LOOKS, f"{LOOKS} of {LOOKS} looks", f"{right}")


def _p95(now: Counts) -> Gate:
    """The clients' p95 may lie in the histogram's bucket or in a neighbouring one: their clocks start earlier."""
    edges = sorted(float(name.removeprefix(f"{BUCKET} ")) for name in now if name.startswith(BUCKET))
    all_of_them = _since(now, _bucket(math.inf))
    theirs = percentile(sorted(here.ms for here in lived) or [0.0], PERCENT)
    ours = next(
        (edge for edge in edges if all_of_them and _since(now, _bucket(edge)) >= PERCENT / 100 * all_of_them), math.inf
    )
    apart = abs(bisect_left(edges, theirs) - bisect_left(edges, ours))
    return Gate(
        f"p{PERCENT} within one bucket of the clients' own",
        bool(all_of_them) and apart <= 1,
        f"the bucket of {theirs:.0f} ms, or a neighbouring one",
        f"that up to {ours:g} ms",
    )


def _prometheus(now: Counts) -> Gate:
    """Its latest scrape may be a moment old: ask until it agrees with /metrics."""
    wanted = {name: now.get(name, 0.0) for name in IN_PROMQL}
    patience_ends = time.monotonic() + SCRAPED_WITHIN
    while True:
        got = {name: _asked(query) for name, query in IN_PROMQL.items()}
        wrong = [name for name in wanted if not _same(got[name], wanted[name])]
        if not wrong or time.monotonic() > patience_ends:
            break
        time.sleep(0.5)
    of = wrong or list(wanted)
    return Gate(
        "Prometheus says the same",
        not wrong,
        _shown({name: wanted[name] for name in of}),
        _shown({name: got[name] for name in of}),
    )


def _asked(query: str) -> float:
    url = f"{PROMETHEUS}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with direct.urlopen(url, 30) as answer:
        result = json.load(answer)["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def shown(records: Sequence[Record]) -> dict[str, float]:
    errors = {"4xx": 0, "5xx": 0, **Counter(f"{here.status // 100}xx" for here in lived)}
    return {
        **summary(records),
        "streams": sum(here.began for here in lived),
        "errors_4xx": errors["4xx"],
        "errors_5xx": errors["5xx"],
        "hits": sum(here.cache in ("hit", "coalesced") for here in lived),
        "cost_usd": round(math.fsum(here.cost_usd for here in lived), 6),
    }


about = About(
    objectives="a complete answer, however long it takes",
    requests=lambda: [here.as_request() for here in lived],
    seed=SEED,
    settings={"seconds": SECONDS, "people": PEOPLE, "pause, in seconds": PAUSE, "repeated questions": TOPICS},
    share=lambda elapsed: elapsed / SECONDS,
)

judge_with(judge, about, shown)
