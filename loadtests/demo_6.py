"""Demo 6 under load: calm, a spike, calm again; and a deployment that grows for it and shrinks after it.

An open loop: people come when they come, each second as many as the shape says, and do not wait for one another; half
of them want a stream. How many a spike is depends on the machine: as many as keep the deployment a little busier than
it is meant to be. Little's law tells it from how long answers take when so many are under way; from then on, as many
come as were answered, and a few more while too few are under way.

Where Ray's REST API can be asked (SERVING_PORT), the phases last until there is something to see: until the new replica
has had a while to show what it is good for, until it is gone; and the gates say whether it came and went in time. Where
it cannot, phases last for so long, and gates about replicas are left out.

Gates: nothing is lost, few answers are a fallback's, a replica more within the delays that the config file sets, back
again within those, and the engines' own count of finished requests is ours. Written: build/load-6.json and .svg.

By hand: make demo-6 in one terminal, make load-6 URL=http://localhost:8000 in another; LONG=1 for a story of minutes.
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
from loadtests.gates import Gate, Record, judge_with, percentile
from loadtests.watch import Watch
from workshop import direct
from workshop.processes import ROOT, CannotStart

SERVING_PORT = int(os.environ.get("SERVING_PORT") or 0)
LONG = os.environ.get("LONG", "") not in {"", "0"}
BUILD = ROOT / "build"

CALM_SECONDS = 60.0 if LONG else 8.0
GROWN_SECONDS = 90.0 if LONG else 12.0  # of the spike that the new replica is to be seen in
BACK_SECONDS = 30.0 if LONG else 4.0
BLIND_SPIKE, BLIND_RETURN = 60.0, 30.0  # where nobody can say how many replicas there are
GETS_THROUGH_WITHIN = 60.0  # seconds for the last answers
SETTLES_WITHIN = 30.0  # seconds: Ray's counters come in every few seconds
SERVICE_SECONDS = 60.0
OWN_WITHIN = 60.0  # seconds for the deployment to answer by itself, after whatever happened to it before
ROUNDS = 2

AT_ONCE = 1000.0  # sources that come or go in a second
RATE_EACH = 0.25  # requests a second from each of Locust's users, who are sources of requests here, not people
STREAMS = 0.5  # of all requests
LENGTHS = (120, 180)  # tokens: a reader's half a minute, an engine's half a second
SHORT = 50  # tokens; this many or fewer has no answer of ours, and those have that an engine warms up with
TOO_BUSY = 1.4  # times what the replicas that there have to be are meant to hold: it is a small machine that grows
REACHED_IN = 3.0  # seconds for what is under way to become what it is to be
FORGOTTEN_IN = 8  # seconds for what was answered; a replica that starts takes half of a small machine
USUAL, MOST = 5, 50  # requests under way, where nobody says what they are meant to hold; and at most
CALM_SHARE = 8  # of the spike's rate, calm is one part in so many
SEED = 6

CHAT, CHAT_STREAM = "/v1/chat/completions", "/v1/chat/completions, streamed"
QUESTIONS = ("What is Ray Serve?", "What is vLLM?", "Tell me about autoscaling", "What is a token?", "What is a queue?")

chance = random.Random(SEED)
run = secrets.token_hex(4)  # so that a service that runs already has none of these answers
numbers = itertools.count()
answers: list[Answer] = []
people = Group()  # who outlive the users that sent them


# --- who asks ----------------------------------------------------------------------------------------------------


class Source(FastHttpUser):
    """Sends people at random, RATE_EACH a second on average, whatever becomes of those before."""

    wait_time = constant(0)
    concurrency = 1000
    network_timeout = connection_timeout = SERVICE_SECONDS

    @task
    def send(self) -> None:
        due = time.monotonic()
        while True:
            due += chance.expovariate(RATE_EACH)
            gevent.sleep(max(0.0, due - time.monotonic()))
            people.start(gevent.Greenlet(self._ask, due))

    def _ask(self, due: float) -> None:
        stream = chance.random() < STREAMS
        answer = Answer(CHAT_STREAM if stream else CHAT, due, stream)
        answers.append(answer)
        with self.client.post(
            CHAT, name=answer.route, json=_wish(stream), headers=_token(), stream=True, catch_response=True
        ) as response:
            try:
                answer.fallback = (response.headers or {}).get("x-fallback") or ""
                if response.status_code != 200:
                    answer.failure = f"{response.status_code}: {(response.text or response.error or '')!s:.200}"
                elif stream:
                    answer.listen(partial(response.stream.readline, b"\n"))
                else:
                    answer.read(response.json())
            except Exception as fault:  # whatever it was, the answer has not come to its end
                answer.failure = f"{type(fault).__name__}: {fault}"
            answer.whole = answer.complete and not answer.failure
            answer.ended = time.monotonic()
            response.request_meta["response_time"] = (answer.ended - due) * 1000
            response.success() if answer.whole else response.failure(answer.failure or "incomplete")


def _token() -> dict[str, str]:
    """A running service may want to know who asks: the first of TOKENS."""
    tokens = os.environ.get("TOKENS", "").split()
    return {"Authorization": f"Bearer {tokens[0]}"} if tokens else {}


def _wish(stream: bool) -> dict[str, Any]:
    """Sampled, and never the same twice, so that no cache answers; as long as it says, whatever the model thinks."""
    number = next(numbers)
    return {
        "messages": [{"role": "user", "content": f"{QUESTIONS[number % len(QUESTIONS)]} ({run} {number})"}],
        "max_tokens": chance.randint(*LENGTHS),
        "ignore_eos": True,  # vLLM's own; a fallback does not know it, and stops when it has said what it has to say
        "temperature": 0.7,
        **({"stream": True, "stream_options": {"include_usage": True}} if stream else {}),
    }


def seconds_for(requests: int, url: str) -> tuple[float, int]:
    """How long an answer of the deployment takes when so many are under way, and how many it gave to find that out.

    Each is asked for ROUNDS times; the last time counts. Raises CannotStart if others answer in its place.
    """

    def ask(stream: bool) -> tuple[float, int]:
        own = 0
        for _ in range(ROUNDS):
            body, began = json.dumps(_wish(stream)).encode(), time.monotonic()
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
    """Calm, spike, calm. Locust asks each second how many sources there are to be, and ends when there is no answer."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.watch: Watch | None = None
        self.began = 0.0
        self.phases: list[Phase] = []
        self.fault = ""  # that kept it from being told
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
            self.watch.settle()  # what more replicas can do is not what this machine can
        meant = self._meant()  # no more, or the question itself would make the deployment grow
        seconds, answered = seconds_for(meant, url)
        spike = meant / seconds  # Little: a rate is what is under way, by its time
        calm = spike / CALM_SHARE
        if self.watch:
            self.watch.begin(sent=answered)
        self.began = self.watch.began if self.watch else time.monotonic()
        looking = gevent.spawn(self.watch.keep_looking) if self.watch else None
        yield from self._phase(CALM, itertools.repeat(calm), lambda since: since >= CALM_SECONDS)
        yield from self._phase(SPIKE, self._kept_busy(spike, meant * TOO_BUSY), self._has_grown)
        yield from self._phase(CALM_AGAIN, itertools.repeat(calm), self._is_back)
        yield 0, AT_ONCE  # else somebody comes after the last one has been counted
        patience_ends = time.monotonic() + GETS_THROUGH_WITHIN
        while people and time.monotonic() < patience_ends:
            yield 0, AT_ONCE
        if self.watch and looking:
            looking.kill()
            self._wait_for_counts(self.watch)

    def _meant(self) -> int:
        """Requests under way that the deployment is meant to hold with as few replicas as there may be."""
        scaling = self.watch and self.watch.scaling
        return max(1, min(int(scaling.target * scaling.min), MOST)) if scaling else USUAL

    def _phase(
        self, name: str, rates: Iterator[float], is_over: Callable[[float], bool]
    ) -> Iterator[tuple[int, float]]:
        begins, sent = time.monotonic(), []
        while not is_over(time.monotonic() - begins):
            sent.append(max(1, round(next(rates) / RATE_EACH)))
            yield sent[-1], AT_ONCE
        mean = round(statistics.fmean(sent) * RATE_EACH, 1)
        self.phases.append(Phase(name, begins - self.began, time.monotonic() - self.began, mean))

    def _kept_busy(self, rate: float, busy: float) -> Iterator[float]:
        """From `rate` on, requests a second that keep `busy` of them under way, however fast the deployment becomes."""
        before = _own_answers()
        while True:
            yield rate + (busy - len(people)) / REACHED_IN
            now = _own_answers()
            rate += (now - before - rate) / FORGOTTEN_IN
            before = now

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
        while sum(watch.finished().values()) < _own_answers() and time.monotonic() < patience_ends:
            gevent.sleep(1.0)
            watch.count()


def _own_answers() -> int:
    """How many the deployment itself has given in this run."""
    return sum(answer.whole and not answer.fallback for answer in answers)


told: list[Story] = []  # the one that Locust makes


# --- what is made of it ------------------------------------------------------------------------------------------


@cache
def seen() -> Run:
    """The run, which is over. Written and drawn when it is looked at first."""
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
        return [Gate("it answers, before there is a spike", False, "an answer to each", fault)]
    return judge(seen())


def remarks() -> list[str]:
    if told[0].fault:
        return []
    drawn = "Drawn: build/load-6.svg. Its numbers: build/load-6.json"
    return [drawn] if seen().scaling else [NOT_SEEN, drawn]


NOT_SEEN = "The cluster could not be asked, so nothing is said of replicas: neither in the plot nor by the gates"

judge_with(gates, summary, remarks)
