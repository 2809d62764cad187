"""Demo 6 under load: calm, a spike, calm again; and a deployment that grows for it and shrinks after it.

An open loop: each second as many people arrive as the shape says, and they do not wait for one another; half of them
want a stream. The size of the spike depends on the machine: it keeps the deployment a little busier than its target.
Little's law gives the rate, at first from how long answers take at the target number in flight, and then from how long
the latest ones took; a few more people come while too few requests are in flight.

If Ray's REST API can be asked (SERVING_PORT), the phases last until there is something to see: until the new replica
has had time to show its effect, and until it is gone; and the gates say whether it came and went in time. Otherwise the
phases have fixed lengths, and gates about replicas are left out.

Gates: nothing is lost, few answers come from a fallback, one more replica comes within the delays of the config file
and goes within them, and the engines' own count of finished requests agrees with ours. Written: build/load-6.json and
.svg.

By hand: make demo-6 in one terminal, make load-6 URL=http://localhost:8000 in another; LONG=1 for a run of minutes.
"""

import datetime
import itertools
import json
import os
import random
import secrets
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import gevent
from gevent.pool import Group
from locust import FastHttpUser, LoadTestShape, constant, task

from loadtests.autoscaling import CALM, CALM_AGAIN, SPIKE, STARTS_WITHIN, Answer, Phase, Run, in_seconds, judge
from loadtests.autoscaling_plot import plot
from loadtests.bench.cores import machine
from loadtests.gate import seed_or
from loadtests.gates import About, Gate, Record, judge_with, percentile
from loadtests.watch import Watch
from workshop import direct
from workshop.processes import ROOT, CannotStart

SERVING_PORT = int(os.environ.get("SERVING_PORT") or 0)
LONG = os.environ.get("LONG", "") not in {"", "0"}
BUILD = ROOT / "build"

CALM_SECONDS = 60.0 if LONG else 8.0
GROWN_SECONDS = 90.0 if LONG else 12.0  # of the spike, to see the effect of the new replica
BACK_SECONDS = 30.0 if LONG else 4.0
BLIND_SPIKE, BLIND_RETURN = 60.0, 30.0  # if the number of replicas is unknown
GETS_THROUGH_WITHIN = 60.0  # seconds for the last answers
SETTLES_WITHIN = 30.0  # seconds: Ray's counters come in every few seconds
SERVICE_SECONDS = 60.0
OWN_WITHIN = 60.0  # seconds for the deployment to answer without fallbacks, whatever happened to it before
ROUNDS = 2

AT_ONCE = 1000.0  # sources that come or go per second
RATE_EACH = 0.25  # requests per second from each of Locust's users, which are sources of requests here, not people
STREAMS = 0.5  # of all requests
LENGTHS = (120, 180)  # tokens: half a minute for a reader, half a second for an engine
SHORT = 50  # tokens; warm-up answers have this many or fewer, and ours have more
TOO_BUSY = 1.4  # times the target of the minimum replicas: the deployment must grow on a small machine
REACHED_IN = 3.0  # seconds for the requests in flight to reach their intended number
LATEST = 4.0  # seconds over which answers are averaged; a starting replica takes half of a small machine
USUAL, MOST = 5, 50  # requests in flight if the target is unknown; and at most
CALM_SHARE = 8  # calm is this fraction of the spike's rate: one in eight
SEED = seed_or(6)

CHAT, CHAT_STREAM = "/v1/chat/completions", "/v1/chat/completions, streamed"
QUESTIONS = ("What is Ray Serve?", "What is vLLM?", "Tell me about autoscaling", "What is a token?", "What is a queue?")

arrivals = random.Random(SEED)
# Apart from the arrivals, whose order depends on the machine: the same seed has the same questions.
chance = random.Random(SEED)
probes = random.Random(SEED)
run = secrets.token_hex(4)  # so that a service that already runs has none of these answers
numbers, probe_numbers = itertools.count(), itertools.count(-1, -1)
answers: list[Answer] = []
people = Group()  # they outlive the users that sent them


# --- who asks ----------------------------------------------------------------------------------------------------


class Source(FastHttpUser):
    """Sends people at random, RATE_EACH per second on average, whatever happens to the earlier ones."""

    wait_time = constant(0)
    concurrency = 1000
    network_timeout = connection_timeout = SERVICE_SECONDS

    @task
    def send(self) -> None:
        due = time.monotonic()
        while True:
            due += arrivals.expovariate(RATE_EACH)
            gevent.sleep(max(0.0, due - time.monotonic()))
            people.start(gevent.Greenlet(self._ask, due))

    def _ask(self, due: float) -> None:
        stream, wish = _wish()
        answer = Answer(CHAT_STREAM if stream else CHAT, due, stream)
        answers.append(answer)
        with self.client.post(
            CHAT, name=answer.route, json=wish, headers=_token(), stream=True, catch_response=True
        ) as response:
            try:
                answer.fallback = (response.headers or {}).get("x-fallback") or ""
                if response.status_code != 200:
                    answer.failure = f"{response.status_code}: {(response.text or response.error or '')!s:.200}"
                elif stream:
                    answer.listen(partial(response.stream.readline, b"\n"))
                else:
                    answer.read(response.json())
            except Exception as fault:  # whatever it was, the answer is incomplete
                answer.failure = f"{type(fault).__name__}: {fault}"
            answer.whole = answer.complete and not answer.failure
            answer.ended = time.monotonic()
            response.request_meta["response_time"] = (answer.ended - due) * 1000
            if answer.whole:
                response.success()
            else:
                answer.failure = answer.failure or "incomplete"
                response.failure(answer.failure)


def _token() -> dict[str, str]:
    """The first of TOKENS: a running service may want to know who asks."""
    tokens = os.environ.get("TOKENS", "").split()
    return {"Authorization": f"Bearer {tokens[0]}"} if tokens else {}


def _wish() -> tuple[bool, dict[str, Any]]:
    """The next question: whether it wants a stream, and its body."""
    stream = chance.random() < STREAMS
    return stream, _body(stream, chance.randint(*LENGTHS), next(numbers))


def _body(stream: bool, length: int, number: int) -> dict[str, Any]:
    """Sampled and never repeated, so that no cache answers; of a fixed length, whatever the model would say."""
    return {
        "messages": [{"role": "user", "content": f"{QUESTIONS[number % len(QUESTIONS)]} ({run} {number})"}],
        "max_tokens": length,
        "ignore_eos": True,  # vLLM's own field; a fallback does not know it, and stops at the end of its answer
        "temperature": 0.7,
        **({"stream": True, "stream_options": {"include_usage": True}} if stream else {}),
    }


def seconds_for(requests: int, url: str) -> tuple[float, int]:
    """How long the deployment takes to answer with this many in flight, and how many answers it gave to find out.

    Each request is sent ROUNDS times; the last time counts. Raises CannotStart if a fallback answers in its place.
    """

    def ask(stream: bool) -> tuple[float, int]:
        own = 0
        for _ in range(ROUNDS):
            wish = _body(stream, probes.randint(*LENGTHS), next(probe_numbers))
            body, began = json.dumps(wish).encode(), time.monotonic()
            headers = {"Content-Type": "application/json", **_token()}
            request = urllib.request.Request(f"{url}{CHAT}", body, headers)
            with direct.urlopen(request, SERVICE_SECONDS) as response:
                own += "x-fallback" not in response.headers
                for _ in response:
                    pass
            took = time.monotonic() - began
        return took, own

    answered, patience_ends = 0, time.monotonic() + OWN_WITHIN
    while time.monotonic() < patience_ends:
        asked = [gevent.spawn(ask, number < requests * STREAMS) for number in range(requests)]
        found = [one.get() for one in asked]
        own = sum(by_it for _, by_it in found)
        answered += own
        if own == ROUNDS * requests:
            return statistics.fmean(took for took, _ in found), answered
        gevent.sleep(1.0)
    raise CannotStart("a fallback answers in the deployment's place")


# --- the shape ---------------------------------------------------------------------------------------------------


class Story(LoadTestShape):
    """Calm, spike, calm. Locust asks each second for the number of sources, and ends when it gets no answer."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watch: Watch | None = None
        self.began = 0.0
        self.phases: list[Phase] = []
        self.fault = ""  # why the run could not begin
        self._plan = self._tell()
        told.append(self)

    def tick(self) -> tuple[int, float] | None:
        try:
            return next(self._plan, None)
        except (OSError, CannotStart) as fault:
            self.fault = str(fault)
            return None

    def _tell(self) -> Iterator[tuple[int, float]]:
        assert self.runner
        assert self.runner.environment.host
        url = self.runner.environment.host.rstrip("/")
        self.watch = Watch.of(SERVING_PORT, SHORT) if SERVING_PORT else None
        if self.watch:
            self.watch.settle()  # the rate is measured with the minimum of replicas
        meant = self._meant()  # no more, or the measurement itself would make the deployment grow
        seconds, answered = seconds_for(meant, url)
        spike = meant / seconds  # Little's law: rate = requests in flight / seconds per request
        calm = spike / CALM_SHARE
        if self.watch:
            self.watch.begin(sent=answered)
        self.began = self.watch.began if self.watch else time.monotonic()
        looking = gevent.spawn(self.watch.keep_looking) if self.watch else None
        yield from self._phase(CALM, itertools.repeat(calm), lambda since: since >= CALM_SECONDS)
        yield from self._phase(SPIKE, self._kept_busy(spike, meant * TOO_BUSY), self._has_grown)
        yield from self._phase(CALM_AGAIN, itertools.repeat(calm), self._is_back)
        yield 0, AT_ONCE  # otherwise people would arrive after the last count
        patience_ends = time.monotonic() + GETS_THROUGH_WITHIN
        while people and time.monotonic() < patience_ends:
            yield 0, AT_ONCE
        if self.watch and looking:
            looking.kill()
            self._wait_for_counts(self.watch)

    def _meant(self) -> int:
        """The number of requests in flight that is the target for the minimum of replicas."""
        scaling = self.watch and self.watch.scaling
        return max(1, min(int(scaling.target * scaling.min), MOST)) if scaling else USUAL

    def _phase(
        self, name: str, rates: Iterator[float], is_over: Callable[[float], bool]
    ) -> Iterator[tuple[int, float]]:
        begins, sent = time.monotonic(), []
        while not is_over(time.monotonic() - begins):
            sent.append(max(1, round(next(rates) / RATE_EACH)))
            yield sent[-1], AT_ONCE
        mean = round(statistics.fmean(sent or [0]) * RATE_EACH, 1)
        self.phases.append(Phase(name, begins - self.began, time.monotonic() - self.began, mean))

    def _kept_busy(self, rate: float, busy: float) -> Iterator[float]:
        """Rates that begin at `rate` and keep `busy` requests in flight, however fast the deployment becomes."""
        began = time.monotonic()
        while True:
            yield rate + (busy - len(people)) / REACHED_IN
            since = max(began, time.monotonic() - LATEST)
            latest = [answer for answer in _own_answers() if answer.ended and answer.ended > since]
            if latest:
                rate = busy / statistics.fmean(answer.total for answer in latest)

    def _has_grown(self, since: float) -> bool:
        if not self.watch:
            return since >= BLIND_SPIKE
        longest = self.watch.scaling.up_s + (STARTS_WITHIN + GROWN_SECONDS) * self.watch.wants_more()
        return since >= longest or self.watch.grown_for() >= GROWN_SECONDS

    def _is_back(self, since: float) -> bool:
        if not self.watch:
            return since >= BLIND_RETURN
        longest = self.watch.scaling.down_s + BACK_SECONDS
        return since >= longest or self.watch.small_for() >= BACK_SECONDS

    def _wait_for_counts(self, watch: Watch) -> None:
        patience_ends = time.monotonic() + SETTLES_WITHIN
        while sum(watch.finished().values()) < len(_own_answers()) and time.monotonic() < patience_ends:
            gevent.sleep(1.0)
            watch.count()


def _own_answers() -> list[Answer]:
    """What the deployment itself has answered in this run."""
    return [answer for answer in answers if answer.whole and not answer.fallback]


told: list[Story] = []  # the one that Locust makes


# --- what is made of it ------------------------------------------------------------------------------------------


@cache
def seen() -> Run:
    """The finished run. The first call writes and draws it."""
    [story] = told
    watch = story.watch
    run = Run(
        date=datetime.date.today().isoformat(),
        machine=machine(),
        phases=tuple(story.phases),
        seconds=in_seconds(answers, watch.looks if watch else [], story.began),
        failures=tuple(_in_words(answer) for answer in answers if not answer.whole),
        scaling=watch.scaling if watch else None,
        finished=watch.finished() if watch else None,
    )
    BUILD.mkdir(exist_ok=True)
    (BUILD / "load-6.json").write_text(run.document())
    (BUILD / "load-6.svg").write_text(plot(run))
    return run


def _in_words(answer: Answer) -> str:
    ended = "never ended" if answer.ended is None else f"after {answer.total:.1f} s"
    return f"{answer.route}: {ended}, {answer.failure or 'incomplete'}"


def summary(_: Sequence[Record]) -> dict[str, float]:
    if told[0].fault:
        return {}
    run = seen()
    firsts = sorted(answer.to_first_token * 1000 for answer in answers if answer.whole and answer.stream) or [0.0]
    totals = sorted(answer.total * 1000 for answer in answers if answer.whole) or [0.0]
    shown = {f"{phase.name.replace(' ', '_')}_rps": phase.rate for phase in run.phases} | {
        "ttft_p50_ms": percentile(firsts, 50),
        "ttft_p95_ms": percentile(firsts, 95),
        "total_p50_ms": percentile(totals, 50),
        "total_p95_ms": percentile(totals, 95),
        "seconds": len(run.seconds),
    }
    counts = {"requests": run.asked, "failures": len(run.failures), "fallbacks": run.fallbacks}
    return counts | {name: round(n, 1) for name, n in shown.items()}


def gates(_: Sequence[Record]) -> list[Gate]:
    if fault := told[0].fault:
        return [Gate("it answers before the spike", False, "an answer to each", fault)]
    return judge(seen())


def remarks() -> list[str]:
    if told[0].fault:
        return []
    drawn = "Drawn: build/load-6.svg. Its numbers: build/load-6.json"
    return [drawn] if seen().scaling else [NOT_SEEN, drawn]


NOT_SEEN = "The cluster could not be asked, so the plot and the gates say nothing about replicas"

about = About(
    objectives="a complete answer from the deployment itself, however long it takes",
    requests=lambda: [answer.as_request(good=answer.whole and not answer.fallback) for answer in answers],
    seed=SEED,
    settings={
        "streams": f"{STREAMS:.0%}",
        "tokens per answer": "{} to {}".format(*LENGTHS),
        "requests in flight": f"{TOO_BUSY:g} times the target of the least replicas",
        "calm": f"one {CALM_SHARE}th of the spike's rate",
        "long": LONG,
    },
    picture=lambda: "" if told[0].fault else plot(seen()),
)

judge_with(gates, about, summary, remarks)
