"""What a load scenario must show: gates over the raw records of every request that it sent.

A scenario file calls `judge_with(...)`. When Locust quits, the gates and all requests are printed as one line of JSON,
and the gates decide its exit status. With LOAD_PROGRESS=1, one line each second before that says how far the run is.
Knows nothing of what the requests were.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import gevent
from locust import events
from locust.env import Environment

from loadtests.gate import Gate as Gate
from loadtests.gate import percentile as percentile
from loadtests.screen import progress
from loadtests.streams import input_tokens_of, tokens_of
from loadtests.timeline import NEVER_ENDED, Request

PROGRESS = os.environ.get("LOAD_PROGRESS", "") == "1"  # somebody watches
PROGRESS_SECONDS = 1.0


@dataclass(slots=True, frozen=True)
class Record:
    """One request as the client saw it. `answer` is the reply's JSON, None without one. `ended` is time.monotonic()."""

    name: str
    latency_ms: float
    failure: str | None
    answer: Any = None
    status: int = 0
    ended: float = 0.0


@dataclass(slots=True, frozen=True)
class About:
    """What a report says of a scenario.

    `objectives`: which answers count as goodput, in words. `seed`: None if the questions are always the same.
    `share`: how much of the run is over, from 0 to 1, after so many seconds; None if that depends on the service.
    """

    objectives: str
    requests: Callable[[], list[Request]]
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    share: Callable[[float], float] | None = None
    picture: Callable[[], str] | None = None  # an SVG of its own, for the report


Judge = Callable[[Sequence[Record]], list[Gate]]
Summarise = Callable[[Sequence[Record]], dict[str, float]]
Remark = Callable[[], list[str]]

records: list[Record] = []


def judge_with(judge: Judge, about: About, summarise: Summarise | None = None, remark: Remark | None = None) -> None:
    """Have `judge` look at every record when the run ends, and `summarise` (`summary` by default) summarise them.

    `remark` returns lines for the person who reads the gates.
    """

    def keep(name: str, response_time: float, exception: Exception | None, response: Any, **_: Any) -> None:
        failure = str(exception) if exception else None
        status = getattr(response, "status_code", 0) or 0
        answer = _json(getattr(response, "text", None))
        records.append(Record(name, response_time, failure, answer, status, time.monotonic()))

    def begin(**_: Any) -> None:
        if PROGRESS:
            gevent.spawn(_keep_telling, about)

    def close(environment: Environment, **_: Any) -> None:
        requests = about.requests()  # as the crowd left them: judging may take a while
        gates = judge(records)
        environment.process_exit_code = int(not all(gate.passed for gate in gates))
        report: dict[str, Any] = {
            "summary": (summarise or summary)(records),
            "gates": [asdict(gate) for gate in gates],
            "seed": about.seed,
            "settings": dict(about.settings),
            "objectives": about.objectives,
            "requests": [asdict(_closed(one)) for one in requests],
            "picture": about.picture() if about.picture else "",
        }
        print(json.dumps(report | ({"remarks": remark()} if remark else {})))

    events.request.add_listener(keep)  # type: ignore[no-untyped-call]
    events.test_start.add_listener(begin)  # type: ignore[no-untyped-call]
    events.quitting.add_listener(close)  # type: ignore[no-untyped-call]


def _keep_telling(about: About) -> None:
    began = time.monotonic()
    while True:
        gevent.sleep(PROGRESS_SECONDS)
        now = time.monotonic()
        share = about.share(now - began) if about.share else None
        told = progress(about.requests(), now, now - began, share)
        print(json.dumps({"progress": told}), flush=True)


def _closed(request: Request) -> Request:
    """At the end of the run, what is still open has failed."""
    return request if request.ended is not None or request.failure else replace(request, failure=NEVER_ENDED)


def as_requests(some: Sequence[Record], good: Callable[[Record], bool]) -> list[Request]:
    """Records as requests. One whose refusal the scenario accepted was provoked."""
    return [_as_request(record, good) for record in some]


def _as_request(record: Record, good: Callable[[Record], bool]) -> Request:
    tokens_in, tokens_out = _tokens(record.answer)
    refused = record.failure is None and record.status >= 400
    return Request(
        route=record.name,
        due=record.ended - record.latency_ms / 1000,
        ended=record.ended,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        failure=record.failure or "",
        refused=refused,
        good=record.failure is None and not refused and good(record),
    )


def _tokens(answer: Any) -> tuple[int, int]:
    """Those of the prompt and of the answer; 0 where it does not say so, or not in a way that we can read."""
    try:
        return input_tokens_of(answer), tokens_of(answer)
    except (AttributeError, TypeError, ValueError):
        return 0, 0


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except ValueError:
        return None


def summary(records: Sequence[Record]) -> dict[str, float]:
    """Requests, failures, and the percentiles of the answers' latencies in milliseconds.

    A refusal is quick: with the refusals, the percentiles would flatter the model.
    """
    answered = [record for record in records if record.failure is None and record.status < 400]
    latencies = sorted(record.latency_ms for record in answered) or [0.0]
    return {
        "requests": len(records),
        "failures": sum(record.failure is not None for record in records),
        "p50_ms": round(percentile(latencies, 50), 1),
        "p95_ms": round(percentile(latencies, 95), 1),
        "p99_ms": round(percentile(latencies, 99), 1),
    }
