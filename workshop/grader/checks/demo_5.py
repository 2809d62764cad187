"""Demo 5, graded: correct numbers, complete traces, guarded doors; twenty checks, one point each.

They import nothing of the service, so they grade any service. Its counts are compared with its answers, with its log,
and with what the upstream saw. A call that must take time is held at the upstream's gate until we have seen it wait:
then its least duration is known. Waits are for conditions.
"""

import base64
import hashlib
import hmac
import json
import math
import re
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

from workshop.grader.callers import STRANGER, TOKENS, Caller
from workshop.grader.check import Checklist
from workshop.grader.commands import as_crowd, ask_many, in_order, shown_as, then
from workshop.grader.crowd import asked_at_once, comes_true, open_for_all
from workshop.grader.exposition import Scrape, reader_headers
from workshop.grader.launch import SIMULATOR
from workshop.grader.service import Answer
from workshop.grader.stream import Stream
from workshop.grader.subject import Subject
from workshop.grader.traces import CLIENT, INTERNAL, SERVER, Span, Trace
from workshop.grader.verdict import Failed, NotGraded
from workshop.processes import ROOT
from workshop.programs import PROGRAMS

SLOTS = 4
ORIGIN = "https://pages.example"

SETTINGS = {
    # The checks ask faster than people do: rate limits are demo 2's subject.
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_RPH": "1000000",
    "RATE_LIMIT_TPM": "100000",
    # Long: calls held at the upstream's gate must not time out on a busy machine.
    "TIMEOUT": "60",
    "RETRY_DELAY": "0.02",
    "RETRY_BUDGET_RESERVE": "100000",
    "HTTP_MAX_CONNECTIONS": f"{SLOTS}",
    "QUEUE_TIMEOUT": "60",
    # Some checks order a broken upstream. A breaker opens only where a check looks at it.
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "20",
    "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
    "WEBHOOK_HMAC_SECRET": f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
    "CORS_ORIGINS": ORIGIN,
}

CHECKLIST = Checklist("Demo 5 · See it, and be told", environment=SETTINGS, traces=True)
check = CHECKLIST.check

GENERATE = "/generate"
GENERATE_STREAM = "/generate/stream"
CHAT = "/v1/chat/completions"
DONE = "[DONE]"
AFRESH = {"Connection": "close"}  # so that workers share requests, not just a few connections

REQUESTS, ERRORS_4XX, ERRORS_5XX = (
    "inference_requests_total",
    "inference_errors_4xx_total",
    "inference_errors_5xx_total",
)
INPUT, OUTPUT = 'gateway_tokens_total{direction="input"}', 'gateway_tokens_total{direction="output"}'
COST = "gateway_cost_usd_total"
HITS, MISSES = "inference_cache_hits_total", "inference_cache_misses_total"
DURATION = "gateway_request_duration_seconds"
FIRST_TOKEN = "gen_ai_server_time_to_first_token_seconds"


# --- asking ------------------------------------------------------------------------------------------------------


def _question() -> str:
    """A prompt that nobody has asked before."""
    return f"¿Qué se ve en un tablero? {secrets.token_hex(6)}"


def _document(subject: Subject, prompt: str = "", **fields: Any) -> dict[str, Any]:
    """The body of /generate and /generate/stream."""
    document = {"prompt": prompt or _question(), "max_tokens": 16, **fields}
    return {"model": subject.model, **document} if subject.model and "model" not in fields else document


def _chat(subject: Subject, **fields: Any) -> dict[str, Any]:
    """The body of /v1/chat/completions."""
    document = {"messages": [{"role": "user", "content": _question()}], "max_tokens": 16, **fields}
    return {"model": subject.model, **document} if subject.model and "model" not in fields else document


def _post(
    subject: Subject,
    path: str,
    document: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> Answer:
    answer = subject.service.post(
        path, document, headers={**subject.somebody.headers, **(headers or {})}, patience=patience
    )
    if answer.status == 429 and '"rate_limit_exceeded"' in answer.text:
        raise NotGraded(f"too many questions for this caller here; make tokens, and set {TOKENS} to them")
    return answer


def _answered(subject: Subject, path: str, document: Mapping[str, Any], **given: Any) -> Answer:
    answer = _post(subject, path, document, **given)
    answer.must(answer.status == 200, "200")
    return answer


@contextmanager
def _streaming(subject: Subject, path: str, document: Mapping[str, Any]) -> Iterator[Stream]:
    """A stream in progress, with its first headers received. Leaving the context closes the connection."""
    with subject.service.stream(path, document, headers=subject.somebody.headers) as stream:
        if stream.status != 200:
            stream.read()
        stream.must(stream.status == 200, "200")
        yield stream


def _streamed(subject: Subject, path: str, document: Mapping[str, Any]) -> Stream:
    """The same, read to its end."""
    with _streaming(subject, path, document) as stream:
        stream.read()
    return stream


def _tells_of(stream: Stream) -> dict[str, Any]:
    """The metadata at the end of a stream on our own routes. Raises Failed."""
    stream.must(stream.data[-1:] == [DONE], "data: [DONE] at the end", stream.answer.text[-200:])
    metadata: dict[str, Any] = json.loads(stream.data[-2])["metadata"]
    return metadata


# --- counting ----------------------------------------------------------------------------------------------------

COUNTED_WITHIN = 5.0  # seconds


def _scrape(subject: Subject, headers: Mapping[str, str] | None = None) -> Scrape:
    reader = reader_headers() or subject.somebody.headers
    return Scrape(subject.service.get("/metrics", headers={**reader, **(headers or {})}))


def _held_for(seconds: float) -> float:
    """Let this time pass while calls are held; returns the time that passed."""
    began = time.monotonic()
    time.sleep(seconds)
    return time.monotonic() - began


def _name_of(written: str) -> str:
    return written.partition("{")[0]


def _same(value: float, expected: float) -> bool:
    return math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9)


class Counting:
    """How much the service's counters have grown since this was created."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._before = _scrape(subject)

    def grown(self, written: str) -> float:
        return self.since(_scrape(self._subject), written)

    def since(self, now: Scrape, written: str) -> float:
        return now.sum(written) - self._before.sum(written)

    def must_be(self, shown: Answer, expected: Mapping[str, float]) -> None:
        """Each of these grows by exactly this much, at once or within a moment. `shown` caused it. Raises Failed."""
        patience_ends = time.monotonic() + COUNTED_WITHIN
        while True:
            now = _scrape(self._subject)
            wrong = [name for name, by in expected.items() if not _same(self.since(now, name), by)]
            if not wrong or time.monotonic() > patience_ends:
                break
            time.sleep(0.02)
        for written in wrong:
            raise Failed(
                f"{written} to grow by {expected[written]:.10g}",
                f"it grew by {self.since(now, written):.10g}",
                f"{shown.curl}\n{_looking_at(now, written)}",
            )


def _looking_at(scrape: Scrape, written: str) -> str:
    """The command that shows these series."""
    return f"{scrape.answer.curl.replace('curl -i ', 'curl -s ')} | grep {_name_of(written)}"


COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
DOCUMENTED = {
    REQUESTS: COUNTER,
    ERRORS_4XX: COUNTER,
    ERRORS_5XX: COUNTER,
    HITS: COUNTER,
    MISSES: COUNTER,
    "rate_limit_hits_total": COUNTER,
    "inference_queue_depth": GAUGE,
    "inference_active_batches": GAUGE,
    "inference_active_connections": GAUGE,
    "inference_tokens_per_second": GAUGE,
    "process_uptime_seconds": GAUGE,
    "process_cpu_percent": GAUGE,
    "process_memory_bytes": GAUGE,
    "inference_request_duration_ms": HISTOGRAM,
    "inference_batch_size": HISTOGRAM,
}
# These have labels, and may be missing while there is nothing to count.
LABELLED = {
    "circuit_breaker_open_total": COUNTER,
    "gateway_requests_total": COUNTER,
    "gateway_tokens_total": COUNTER,
    COST: COUNTER,
    DURATION: HISTOGRAM,
    FIRST_TOKEN: HISTOGRAM,
    "gen_ai_server_time_per_output_token_seconds": HISTOGRAM,
    "gateway_overhead_seconds": HISTOGRAM,
    "gateway_queue_seconds": HISTOGRAM,
}
LARGEST = 1_000_000  # bytes


@check("GET /metrics has the documented names and types, without labels where PromQL divides one by another")
def metric_names(subject: Subject) -> None:
    _answered(subject, GENERATE, _document(subject))
    _streamed(subject, GENERATE_STREAM, _document(subject))
    scrape = _scrape(subject)
    page = scrape.answer
    kind = page.headers.get("content-type", "")
    page.must(kind.startswith("text/plain"), "Content-Type: text/plain; version=0.0.4", f"Content-Type: {kind}")
    for name, metric_type in (DOCUMENTED | LABELLED).items():
        got = scrape.types.get(name)
        if got is None and name == "circuit_breaker_open_total":
            continue  # a counter with labels, and nothing to count yet
        given = f"type {got}" if got else f"no metric {name}"
        page.must(got == metric_type, f"the metric {name}, of type {metric_type}", given)
    for name in DOCUMENTED:
        bare = name + "_count" if DOCUMENTED[name] == HISTOGRAM else name
        count = scrape.count(bare)
        page.must(count == 1, f"one {bare}, without labels", f"{count} of them")
    _must_agree(scrape)
    for name, least in (("process_uptime_seconds", 0), ("process_memory_bytes", 10_000_000)):
        page.must(scrape.sum(name) > least, f"{name} over {least}", scrape.sum(name))


def _must_agree(scrape: Scrape) -> None:
    """The histogram in milliseconds agrees with the one in seconds, which has endpoints."""
    edges = {edge: scrape.sum(f'{DURATION}_bucket{{le="{edge}"}}') for edge in scrape.edges(DURATION)}
    in_ms = {
        edge: scrape.sum(f'inference_request_duration_ms_bucket{{le="{edge}"}}')
        for edge in scrape.edges("inference_request_duration_ms")
    }
    wanted = {float(edge) * 1000: count for edge, count in edges.items()}
    got = {float(edge): count for edge, count in in_ms.items()}
    scrape.answer.must(got == wanted, f"inference_request_duration_ms like {DURATION}: {wanted}", got)


@check("Each request is counted once, streams and cached answers too, however many upstream calls it took")
def requests_counted(subject: Subject) -> None:
    counting, kept = Counting(subject), _document(subject, temperature=0)
    with subject.upstream.fault({"status": 503, "times": 2}):
        retried = _answered(subject, GENERATE, _document(subject))
    told = retried.at(str, "metadata", "model")
    answers = [_answered(subject, GENERATE, kept), _answered(subject, GENERATE, kept)]
    stream = _streamed(subject, GENERATE_STREAM, _document(subject))
    _tells_of(stream)
    counting.must_be(
        in_order(retried, *answers, stream.answer),
        {
            REQUESTS: 4,
            f'gateway_requests_total{{endpoint="{GENERATE}",model="{told}",status="200"}}': 3,
            f'gateway_requests_total{{endpoint="{GENERATE_STREAM}",model="{told}",status="200"}}': 1,
            "inference_request_duration_ms_count": 4,
            f'{DURATION}_count{{endpoint="{GENERATE}"}}': 3,
            "gateway_retries_total": 2,
            'gateway_upstream_calls_total{status="503"}': 2,
            'gateway_upstream_calls_total{status="200"}': 3,
            ERRORS_5XX: 0,
        },
    )


TOO_MUCH = {"max_tokens": 4000, "n": 100}  # more than RATE_LIMIT_TPM allows anybody


@check(
    "Faults are counted: 4xx, 5xx, limit hits, an open breaker; a broken stream is a 5xx, a client that leaves is not"
)
def errors_by_class(subject: Subject) -> None:
    upstream, counting = subject.upstream, Counting(subject)
    wrong = _post(subject, GENERATE, {"prompt": " "})
    wrong.must_be_error(422, "for a blank prompt")
    counting.must_be(wrong, {REQUESTS: 1, ERRORS_4XX: 1, ERRORS_5XX: 0})

    greedy = _post(subject, CHAT, _chat(subject, **TOO_MUCH))
    if greedy.status != 429:
        raise NotGraded("400,000 tokens do not lead to a 429 here; start the service with RATE_LIMIT_TPM=100000")
    limited = {"rate_limit_hits_total": 1, "gateway_rate_limit_refusals_total": 1, ERRORS_4XX: 2, ERRORS_5XX: 0}
    counting.must_be(in_order(wrong, greedy), limited)

    counting = Counting(subject)
    with upstream.fault({"status": 500}):
        failed = _post(subject, GENERATE, _document(subject))
        failed.must_be_error(502, "when the upstream answers 500")
    counting.must_be(failed, {REQUESTS: 1, ERRORS_5XX: 1, ERRORS_4XX: 0, 'gateway_requests_total{status="502"}': 1})
    well = _answered(subject, GENERATE, _document(subject))  # otherwise the failures in a row would open a breaker
    with upstream.fault({"cut_after_tokens": 3}):
        cut = _streamed(subject, GENERATE_STREAM, _document(subject))
    counting.must_be(in_order(failed, well, cut.answer), {REQUESTS: 3, ERRORS_5XX: 2, ERRORS_4XX: 0})

    counting = Counting(subject)
    with upstream.held() as gate:
        with subject.service.asking(GENERATE, _document(subject), headers=subject.somebody.headers) as left:
            gate.wait_for(1)
        shown = shown_as(left, lambda command: f"{command} -m 0.3")
        counting.must_be(shown, {REQUESTS: 1, 'gateway_requests_total{status="499"}': 1, ERRORS_5XX: 0})

    counting = Counting(subject)
    opened, _ = _open_a_breaker(subject)
    counting.must_be(opened, {"circuit_breaker_open_total": 1, "gateway_circuits_open": 1})


def _open_a_breaker(subject: Subject) -> tuple[Answer, Mapping[str, Any]]:
    """A breaker that only this check uses: breakers are per model. Returns its answer, and the request."""
    document = _document(subject, model=f"model-{secrets.token_hex(4)}")
    tries = subject.configured.circuit_breaker_failure_threshold + 2
    with subject.upstream.fault({"status": 500}):
        for _ in range(tries):
            answer = _post(subject, GENERATE, document)
            if answer.status == 503:
                break
        several = shown_as(answer, lambda command: f"for i in $(seq {tries}); do {command}; done")
        several.must_be_error(503, f"from an open breaker, after {tries} failed requests")
    return several, document


@check("Tokens and cost are those in the answers and in the log, also for streams, broken ones and abandoned ones")
def tokens_and_cost(subject: Subject) -> None:
    upstream, counting, kept = subject.upstream, Counting(subject), _document(subject, temperature=0)
    answers = [_answered(subject, GENERATE, document) for document in (_document(subject, max_tokens=40), kept, kept)]
    told = [answer.at(dict, "metadata") for answer in answers]
    streams = [_streamed(subject, GENERATE_STREAM, _document(subject, max_tokens=tokens)) for tokens in (30, 50)]
    told += map(_tells_of, streams)
    model = told[0]["model"]
    shown = in_order(*answers, *(stream.answer for stream in streams))
    expected = {
        INPUT: sum(metadata["tokens"]["input"] for metadata in told),
        OUTPUT: sum(metadata["tokens"]["output"] for metadata in told),
        f'gateway_tokens_total{{model="{model}"}}': sum(metadata["tokens"]["total"] for metadata in told),
        COST: sum(metadata["cost_usd"] for metadata in told),
        f'{COST}{{model="{model}"}}': sum(metadata["cost_usd"] for metadata in told),
    }
    shown.must(expected[COST] > 0, "a cost over 0", told)
    counting.must_be(shown, expected)
    if not subject.has_log:
        return
    counting = Counting(subject)
    with upstream.fault({"cut_after_tokens": 4}):
        cut = _streamed(subject, GENERATE_STREAM, _document(subject))
    with upstream.fault({"stall_after_tokens": 3}):
        with _streaming(subject, GENERATE_STREAM, _document(subject)) as stream:
            stream.read(lambda stream: len(stream.data) > 0)
        left = shown_as(stream.answer, lambda command: f"{command} -m 0.5")
    lines = [subject.log.lines_of(answer)[-1] for answer in (cut.answer, left)]
    used = {
        INPUT: sum(line["tokens_input"] for line in lines),
        OUTPUT: sum(line["tokens_output"] for line in lines),
        COST: sum(line["cost_usd"] for line in lines),
    }
    counting.must_be(in_order(cut.answer, left), used)


@check("Cache hits and misses are counted: shared answers are hits, and a request that bypasses the cache is neither")
def cache_counted(subject: Subject) -> None:
    counting, kept = Counting(subject), _document(subject, temperature=0)
    answers = [_answered(subject, GENERATE, kept) for _ in range(3)]
    answers.append(_answered(subject, GENERATE, kept, headers={"Cache-Control": "no-store"}))
    said = [answer.headers.get("x-cache", "") for answer in answers]
    shown = in_order(*answers)
    shown.must(said == ["miss", "hit", "hit", "bypass"], "X-Cache: miss, hit, hit, bypass", f"X-Cache: {said}")
    result = 'gateway_cache_requests_total{{result="{}"}}'.format
    counting.must_be(shown, {MISSES: 1, HITS: 2, result("miss"): 1, result("hit"): 2, result("bypass"): 1})

    counting, shared, crowd = Counting(subject), _document(subject, temperature=0), 4
    with (
        subject.upstream.held() as gate,
        asked_at_once(lambda: _answered(subject, GENERATE, shared), crowd) as asked,
    ):
        comes_true(lambda: gate.held > 0 and _scrape(subject).sum("inference_active_connections") >= crowd)
        open_for_all(gate, asked)
    together = [answer.result() for answer in asked]
    said = [answer.headers.get("x-cache", "") for answer in together]
    missed, waited = said.count("miss"), said.count("coalesced")
    if not waited:
        raise NotGraded("no call shared an answer: several workers have separate caches; start it with one worker")
    counted = {MISSES: missed, HITS: crowd - missed, result("coalesced"): waited}
    counting.must_be(as_crowd(together[0], crowd), counted)


# --- times -------------------------------------------------------------------------------------------------------

WORK = 0.8  # seconds
WAVES = 3


@check("A request's time includes its wait in the queue: the queue shows who waits, and the histogram shows the wait")
def queueing_counted(subject: Subject) -> None:
    slots = subject.configured.http_max_connections
    if slots > 2 * SLOTS:
        raise NotGraded(
            f"{slots} calls at the same time are too many to fill from here; start the service with "
            f"HTTP_MAX_CONNECTIONS={SLOTS}, and tell the grader the same"
        )
    crowd, counting = slots * WAVES, Counting(subject)
    with (
        subject.upstream.held() as gate,
        asked_at_once(lambda: _post(subject, GENERATE, _document(subject)), crowd) as asked,
    ):
        comes_true(lambda: gate.held == slots and _scrape(subject).sum("inference_queue_depth") == crowd - slots)
        full = _scrape(subject)
        work = _held_for(WORK)
        open_for_all(gate, asked)
    answers = [answer.result() for answer in asked]
    shown = as_crowd(answers[0], crowd)
    lost = [answer for answer in answers if answer.status != 200]
    shown.must(not lost, f"200 for all {crowd}", lost[0].summary if lost else "")
    for written, least in (("inference_queue_depth", crowd - slots), ("inference_active_connections", crowd)):
        most = full.sum(written)
        then(shown, _looking_at(full, written)).must(most >= least, f"{written} {least} while they wait", f"{most:g}")

    counting.must_be(shown, {f'{DURATION}_count{{endpoint="{GENERATE}"}}': crowd, "gateway_queue_seconds_count": crowd})
    now = _scrape(subject)
    # Each request's time includes its own wait: on a busy machine, all times are long.
    queued = counting.since(now, "gateway_queue_seconds_sum")
    for written, least_time in (
        ("gateway_queue_seconds_sum", (crowd - slots) * work),
        (f'{DURATION}_sum{{endpoint="{GENERATE}"}}', queued + slots * work),
        ("inference_request_duration_ms_sum", (queued + slots * work) * 1000),
    ):
        grown = counting.since(now, written)
        then(shown, _looking_at(now, written)).must(
            grown >= least_time,
            f"{written} to grow by {least_time:.3g} or more: {slots} at a time, held for {work:.2f} s",
            f"it grew by {grown:.3g}",
        )
    measured, told = sum(answer.ms for answer in answers) / 1000, counting.since(now, f"{DURATION}_sum")
    shown.must(told <= measured * 1.02, f"no more than the {measured:.2f} s that clients waited", f"{told:.2f} s")
    after = now.sum("inference_queue_depth")
    then(shown, _looking_at(now, "inference_queue_depth")).must(
        after == 0, "inference_queue_depth 0 once all are answered", f"{after:g}"
    )


WAIT = 0.5  # seconds, three times: for a place, between two tries, for the model
LONG = 2000  # tokens: its reader has the first one before the last is made, on a busy machine too
CLOCKS = 0.01  # seconds that two clocks may differ
TRIED_AGAIN = {"status": 429, "headers": {"retry-after-ms": f"{WAIT * 1000:.0f}"}, "times": 1}


@check("The time to a stream's first token is measured in seconds, from the request's arrival, once, only for streams")
def first_token(subject: Subject) -> None:
    upstream, counting = subject.upstream, Counting(subject)
    stream, least = _streamed_after_waits(subject)
    model = _tells_of(stream)["model"]
    count, seconds = f'{FIRST_TOKEN}_count{{model="{model}"}}', f'{FIRST_TOKEN}_sum{{model="{model}"}}'
    counting.must_be(stream.answer, {count: 1, f"{FIRST_TOKEN}_count": 1})
    most = stream.events[0].at - stream.answer.sent
    now = _scrape(subject)
    got = counting.since(now, seconds)
    shown = then(stream.answer, _looking_at(now, FIRST_TOKEN))
    shown.must(
        least - CLOCKS <= got <= most + CLOCKS,
        f"{seconds} to grow by {least:.3f} to {most:.3f}, when the first token came",
        f"it grew by {got:.3f}; the stream ended after {stream.answer.ms / 1000:.3f} seconds",
    )

    with upstream.fault({"cut_after_tokens": 3}):
        cut = _streamed(subject, GENERATE_STREAM, _document(subject))
    counting.must_be(in_order(stream.answer, cut.answer), {count: 2})
    with upstream.fault({"stall_after_tokens": 3}), _streaming(subject, GENERATE_STREAM, _document(subject)) as left:
        left.read(lambda stream: len(stream.data) > 0)
    gone = shown_as(left.answer, lambda command: f"{command} -m 0.5")
    counting.must_be(in_order(stream.answer, cut.answer, gone), {count: 3})
    whole = _answered(subject, GENERATE, _document(subject))
    with upstream.fault({"status": 500}):
        failed = _post(subject, GENERATE_STREAM, _document(subject))
        failed.must_be_error(502, "when the upstream answers 500")
    shown = in_order(stream.answer, cut.answer, gone, whole, failed)
    counting.must_be(shown, {f"{FIRST_TOKEN}_count": 3})
    if subject.can_start_again and subject.model == SIMULATOR:
        _must_name_who_answered(subject)


def _streamed_after_waits(subject: Subject) -> tuple[Stream, float]:
    """A stream that waits for a slot, is tried twice, and waits for its model; and how long it waited at least."""
    slots = subject.configured.http_max_connections
    others = slots if slots <= 2 * SLOTS else 0  # more are too many to fill from here
    plan = ({"hold": True, "times": others},) if others else ()
    with (
        subject.upstream.played(*plan, TRIED_AGAIN, {"hold": True}) as gate,
        asked_at_once(lambda: _answered(subject, GENERATE, _document(subject)), others) as before,
        ThreadPoolExecutor(1) as pool,
    ):
        waited = WAIT  # between two tries, as the upstream demands
        gate.wait_for(others)
        asked = pool.submit(_streamed, subject, GENERATE_STREAM, _document(subject, max_tokens=LONG))
        try:
            if others:
                comes_true(lambda: _scrape(subject).sum("inference_queue_depth") >= 1)
                waited += _held_for(WAIT)
                gate.release(others)
                for answer in before:
                    answer.result()
            gate.wait_for(1, unless=asked.done)
            waited += _held_for(WAIT)
        finally:
            open_for_all(gate, [*before, asked])
        return asked.result(), waited


def _must_name_who_answered(subject: Subject) -> None:
    """Not the model that was asked for: a fallback is another model, and clients invent names."""
    settings = {"FALLBACKS": SIMULATOR, "MAX_RETRIES": "0"}
    with subject.started_with(settings) as two:
        counting, made_up = Counting(two), f"model-{secrets.token_hex(4)}"
        with two.upstream.fault({"status": 500, "times": 1}):
            stream = _streamed(two, GENERATE_STREAM, _document(two, model=made_up))
        expected = {SIMULATOR: 1, made_up: 0}
        counting.must_be(stream.answer, {f'{FIRST_TOKEN}_count{{model="{name}"}}': by for name, by in expected.items()})


# --- labels, workers -------------------------------------------------------------------------------------------------

MADE_UP = 150  # more than the hundred values that a label may have
NEW_SERIES = 40  # some are allowed, for statuses that did not occur before


@check("Labels are bounded: models, tokens and paths that clients invent never appear in /metrics")
def bounded_labels(subject: Subject) -> None:
    mark = secrets.token_hex(4)
    _answered(subject, GENERATE, _document(subject))
    before = _scrape(subject)

    def make_up(number: int) -> Answer:
        name = f"{mark}-{number}"
        subject.service.get(f"/{name}", headers=subject.somebody.headers)
        _post(subject, f"/v1/{name}", {})
        subject.service.post(GENERATE, _document(subject), headers={"Authorization": f"Bearer wk_{name}"})
        return _post(subject, CHAT, _chat(subject, model=f"model-{name}", max_tokens=1))

    answers = ask_many(make_up, MADE_UP, at_once=4)
    after = _scrape(subject)
    shown = then(
        shown_as(
            answers[-1],
            lambda command: (
                f"for i in $(seq {MADE_UP}); do {command.replace(f'{mark}-{MADE_UP - 1}', f'{mark}-$i')}; done"
            ),
        ),
        _looking_at(after, mark),
    )
    leaked = sorted(value for value in after.label_values if mark in value)
    shown.must(not leaked, "no label with a name that clients invented", f"{len(leaked)} of them, {leaked[:1]}")
    grown = after.series - before.series
    shown.must(grown <= NEW_SERIES, f"at most {NEW_SERIES} new series", f"{grown} more")
    size = len(after.answer.text.encode())
    shown.must(size <= LARGEST, f"at most {LARGEST:,} bytes", f"{size:,} bytes")


WORKERS = 2
ALL_WORKERS_WITHIN = 60.0  # seconds
SHARED_OUT = 36
LOOKS = 9


@check(f"With {WORKERS} workers the numbers are right, whichever worker answers: all requests, tokens, dollars, memory")
def several_workers(subject: Subject) -> None:
    with subject.started_with({"UVICORN_WORKERS": f"{WORKERS}"}) as several:
        _wait_for_workers(several)
        counting = Counting(several)
        answers = ask_many(lambda _: _answered(several, GENERATE, _document(several), headers=AFRESH), SHARED_OUT, 6)
        shown = as_crowd(answers[0], SHARED_OUT)
        expected = {
            REQUESTS: SHARED_OUT,
            OUTPUT: sum(answer.at(int, "metadata", "tokens", "output") for answer in answers),
            COST: sum(answer.at(float, "metadata", "cost_usd") for answer in answers),
            "inference_request_duration_ms_count": SHARED_OUT,
        }
        counting.must_be(shown, expected)
        for _ in range(LOOKS):
            scrape = _scrape(several, AFRESH)
            for written, value in expected.items():
                got = scrape.sum(written)
                looked = then(shown, _looking_at(scrape, written))
                looked.must(_same(got, value), f"{written} {value:.10g}, whichever worker answers", f"{got:.10g}")
            all_of_them, largest = (scrape.sum(f"process_memory_{of}") for of in ("bytes", "worst_bytes"))
            looked = then(shown, _looking_at(scrape, "process_memory"))
            more = "process_memory_bytes of all workers together, much more than the largest one's"
            looked.must(all_of_them > 1.5 * largest > 0, more, f"{all_of_them:.0f}, and {largest:.0f} for the largest")


def _wait_for_workers(subject: Subject) -> None:
    """The first worker answers before the others are up: wait until each has reported its start."""
    began: list[float] = []
    patience_ends = time.monotonic() + ALL_WORKERS_WITHIN
    while len(began) < WORKERS and time.monotonic() < patience_ends:
        # Many at once: if connections come one by one, a single idle worker may take them all.
        for look in ask_many(lambda _: subject.service.get("/health", headers=AFRESH), 8):
            moment = look.at(float, "timestamp") - look.at(float, "uptime")
            if all(abs(moment - other) > 0.003 for other in began):
                began.append(moment)


# --- traces ------------------------------------------------------------------------------------------------------


def _traced(subject: Subject, answer: Answer, since: float, path: str = GENERATE) -> tuple[Trace, Answer]:
    """The one trace of a request, and its answer with the command that shows it. Raises Failed."""
    trace = subject.traces.new(since, f"POST {path}")
    if trace is None:
        then(answer, subject.traces.show("")).must(False, f"a trace with a span named POST {path}", "no such trace")
    assert trace is not None
    return trace, then(answer, trace.url)


def _must_be_whole(trace: Trace, shown: Answer, path: str) -> Span:
    """All spans belong together, under one of kind SERVER, which is returned."""
    heads = [span.name for span in trace.roots]
    shown.must(heads == [f"POST {path}"], f"a single root span, POST {path}", heads)
    (root,) = trace.roots
    shown.must(root.kind == SERVER, f"kind {SERVER} of {root.name}", root.kind)
    return root


def _client_span(trace: Trace, shown: Answer) -> Span:
    clients = trace.of_kind(CLIENT)
    shown.must(len(clients) == 1, f"one span of kind {CLIENT}, around all tries", [span.name for span in clients])
    return clients[0]


@check("A request is one trace: one span per layer, in the layers' order, and one for the model call with its usage")
def trace_layers(subject: Subject) -> None:
    traces, service = subject.traces, subject.service
    assert traces
    named = [layer["name"] for layer in service.get("/").at(list, "layers")]
    inside = named[named.index("Tracing") + 1 :] if "Tracing" in named else named
    since = time.time()
    answer = _answered(subject, GENERATE, _document(subject))
    trace, shown = _traced(subject, answer, since)
    _must_be_whole(trace, shown, GENERATE)
    layers = {span.name: span for span in trace.of_kind(INTERNAL)}
    missing = [name for name in inside if name not in layers]
    shown.must(not missing, f"a span for each of {', '.join(inside)}", f"none for {', '.join(missing)}")
    for outer, inner in pairwise(inside):
        above = [span.name for span in trace.above(layers[inner])]
        shown.must(outer in above, f"{inner} within {outer}", f"{inner} within {', '.join(above)}")
    _must_say(_client_span(trace, shown), answer.at(dict, "metadata"), shown)

    since = time.time()
    stream = _streamed(subject, GENERATE_STREAM, _document(subject, max_tokens=200))
    trace, shown = _traced(subject, stream.answer, since, GENERATE_STREAM)
    root = _must_be_whole(trace, shown, GENERATE_STREAM)
    metadata = _tells_of(stream)
    _must_say(_client_span(trace, shown), metadata, shown)
    first = metadata["time_to_first_token_ms"]
    longer = root.duration_ms > first + (metadata["latency_ms"] - first) / 2
    shown.must(longer, f"a trace as long as its stream, {metadata['latency_ms']} ms", f"{root.duration_ms} ms")


def _must_say(span: Span, metadata: Mapping[str, Any], shown: Answer) -> None:
    """A model call, in the terms of OpenTelemetry's GenAI conventions."""
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": metadata["model"],
        "gen_ai.usage.input_tokens": metadata["tokens"]["input"],
        "gen_ai.usage.output_tokens": metadata["tokens"]["output"],
    }
    told = {name: span.attributes.get(name) for name in wanted}
    shown.must(span.name == f"chat {metadata['model']}", f"a span named chat {metadata['model']}", span.name)
    shown.must(
        {name: str(value) for name, value in told.items()} == {n: str(v) for n, v in wanted.items()},
        f"the attributes {wanted}",
        told,
    )


@check("Retries are one call in the trace: one client span around all of them, with one event per try")
def trace_retries(subject: Subject) -> None:
    assert subject.traces
    since = time.time()
    with subject.upstream.fault({"status": 503, "times": 2}):
        answer = _answered(subject, GENERATE, _document(subject))
    trace, shown = _traced(subject, answer, since)
    _must_be_whole(trace, shown, GENERATE)
    client = _client_span(trace, shown)
    tries = client.events.count("try")
    shown.must(tries == 3, 'three events named "try" on it', f"{tries} of them in {list(client.events)}")
    shown.must(client.status != "ERROR", "no error in the end", client.status)


@check("W3C trace context goes in and out: the request joins the caller's trace, and the upstream gets our span's id")
def trace_context(subject: Subject) -> None:
    assert subject.traces
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    joined = {"traceparent": f"00-{trace_id}-{span_id}-01"}
    since = time.time()
    with subject.upstream.fault({"status": 503, "times": 1}):
        answer = _answered(subject, GENERATE, _document(subject), headers=joined)
        told = [call["traceparent"] or "" for call in subject.upstream.register()["last"]]
    trace, shown = _traced(subject, answer, since)
    shown.must(trace.trace_id == trace_id, f"a trace with the caller's own id, {trace_id}", trace.trace_id)
    root = _must_be_whole(trace, shown, GENERATE)
    shown.must(root.parent_id == span_id, f"the caller's span {span_id} as its parent", root.parent_id)
    expected = [f"00-{trace_id}-{span.span_id}-01" for span in trace.of_kind(CLIENT)]
    for sent in told:
        shown.must(sent in expected, f"traceparent: {expected[:1]} at the upstream", f"traceparent: {sent}")

    since = time.time()
    odd = _answered(subject, GENERATE, _document(subject), headers={"traceparent": f"00-{'0' * 32}-{span_id}-01"})
    fresh, shown = _traced(subject, odd, since)
    _must_be_whole(fresh, shown, GENERATE)
    shown.must(set(fresh.trace_id) != {"0"}, "a new trace if the caller's id is invalid", fresh.trace_id)


@check("The log line names the trace, and the trace of a failed request says that it failed")
def trace_told(subject: Subject) -> None:
    assert subject.traces
    since = time.time()
    well = _answered(subject, GENERATE, _document(subject))
    trace, shown = _traced(subject, well, since)
    line = subject.log.lines_of(well)[-1]
    named = line.get("trace_id")
    if named != trace.trace_id:
        raise Failed(f'a log line with "trace_id": "{trace.trace_id}"', str(line), subject.log.shown(well))
    shown.must(trace.roots[0].status != "ERROR", "no error in the trace of a 200", trace.roots[0].status)

    since = time.time()
    with subject.upstream.fault({"status": 500}):
        failed = _post(subject, GENERATE, _document(subject))
        failed.must_be_error(502, "when the upstream answers 500")
    trace, shown = _traced(subject, failed, since)
    for span in (*trace.roots, *trace.of_kind(CLIENT)):
        shown.must(span.status == "ERROR", f"status ERROR of {span.name}", span.status)


# --- health, and doors -------------------------------------------------------------------------------------------

CHECKS = ("providers", "memory", "cache", "http_client", "circuit_breakers")
AT_ONCE_MS = 4000
ASKED = 8
CONNECTIONS = 3  # one per probe, every few seconds, is fine; one per GET /health is not


@check(
    "GET /health reports on its parts at once and calls no upstream, even if the upstream hangs; GET /ready says 503"
)
def health(subject: Subject) -> None:
    ready = subject.service.get("/ready")
    ready.must(ready.status == 200, "200 from GET /ready while the upstream answers")
    _must_tell_of_its_parts(subject.service.get("/health"))
    with _one_that_hangs() as (url, connections), subject.started_with({"OPENAI_BASE_URL": url}) as deserted:
        before = connections()
        for _ in range(ASKED):
            look = deserted.service.get("/health")
            _must_tell_of_its_parts(look)
            look.must(look.ms < AT_ONCE_MS, f"within {AT_ONCE_MS} ms, whatever the upstream does", f"{look.ms:.0f} ms")
        came = connections() - before
        look.must(came <= CONNECTIONS, f"no upstream call for {ASKED} times GET /health", f"{came} connections")
        ready = deserted.service.get("/ready")
        ready.must_be_error(503, "from GET /ready when the upstream does not answer")


def _must_tell_of_its_parts(answer: Answer) -> None:
    answer.must(answer.status == 200, "200")
    parts = answer.at(dict, "checks")
    missing = [name for name in CHECKS if not isinstance(parts.get(name), dict)]
    answer.must(not missing, f'"checks" with {", ".join(CHECKS)}', f"none of {', '.join(missing)}")
    numbers = [value for value in parts["memory"].values() if isinstance(value, int | float) and value > 0]
    answer.must(len(numbers) > 1, "numbers in the memory part: its use, and its limit", parts["memory"])


@contextmanager
def _one_that_hangs() -> Iterator[tuple[str, Callable[[], int]]]:
    """The URL of a server that accepts connections and never answers, and the number of connections so far."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def take() -> None:
            while True:
                try:
                    taken.append(listener.accept()[0])
                except OSError:
                    return

        Thread(target=take, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", lambda: len(taken)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in taken:
                connection.close()


CLEANUP, RESET = "/debug/memory/cleanup", "/debug/circuit-breakers/reset"


@check("The debug routes empty caches and close breakers, for administrators only; nobody else gets in")
def debug_routes(subject: Subject) -> None:
    admin, user = subject.desk.create("olga", role="admin"), subject.desk.create("pepe")
    others = [STRANGER, user, Caller("wk_nobody_made_this")]
    counting = Counting(subject)
    opened, document = _open_a_breaker(subject)
    for path in (CLEANUP, RESET):
        for caller in others:
            refused = subject.service.post(path, {}, headers=caller.headers)
            refused.must(refused.status in (401, 403), "401 or 403 for anybody but an administrator")
            refused.must_be_error(refused.status or 0)
    still = in_order(opened, _post(subject, GENERATE, document))
    still.must_be_error(503, "from a breaker that nobody has reset")
    counting.must_be(still, {"gateway_memory_cleanups_total": 0})
    for path in (CLEANUP, RESET):
        done = subject.service.post(path, {}, headers=admin.headers)
        done.must(done.status == 200 and isinstance(done.json, dict), "200 and a JSON object for an administrator")
    counting.must_be(done, {"gateway_memory_cleanups_total": 1})
    now = _scrape(subject)
    then(done, _looking_at(now, "gateway_circuits_open")).must(
        now.sum("gateway_circuits_open") == 0, "gateway_circuits_open 0", now.sum("gateway_circuits_open")
    )
    subject.upstream.forget_calls()
    again = _post(subject, GENERATE, document)
    received = subject.upstream.received()
    shown = in_order(opened, done, again)
    shown.must(received > 0, "upstream calls again once the breakers are reset", f"{received} upstream calls")


# --- webhooks ----------------------------------------------------------------------------------------------------

INGEST = "/webhooks/ingest"
TAKEN = 'gateway_webhooks_total{outcome="taken"}'
FIRING = "gateway_alerts_firing"


def _alert(status: str = "firing", name: str = "") -> str:
    """What Alertmanager sends."""
    labels = {"alertname": name or f"Alert{secrets.token_hex(4)}", "severity": "page"}
    alert = {"status": status, "labels": labels, "annotations": {"summary": "somebody must look"}}
    return json.dumps({"version": "4", "status": status, "alerts": [alert]})


def _secret(subject: Subject) -> str:
    secret = subject.configured.webhook_hmac_secret
    if not secret:
        raise NotGraded("it needs the service's WEBHOOK_HMAC_SECRET; set it to the same value for the grader")
    return secret


def _signed(secret: str, body: str, *, late: float = 0, delivery: str = "") -> dict[str, str]:
    """The headers of Standard Webhooks: https://www.standardwebhooks.com"""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    delivery, sent = delivery or f"msg_{secrets.token_hex(8)}", f"{time.time() - late:.0f}"
    signature = hmac.digest(key, f"{delivery}.{sent}.{body}".encode(), hashlib.sha256)
    return {
        "webhook-id": delivery,
        "webhook-timestamp": sent,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def _deliver(subject: Subject, body: str, headers: Mapping[str, str]) -> Answer:
    return subject.service.request("POST", INGEST, body=body, headers=headers)


@check("A webhook counts only if it is complete, recent and signed with our secret: others get 401 and change nothing")
def webhook_signature(subject: Subject) -> None:
    secret, counting, body = _secret(subject), Counting(subject), _alert()
    window = subject.configured.webhook_timestamp_window
    right = _signed(secret, body)
    signature = right["webhook-signature"]
    another = f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
    wrong_end = signature[:-8] + "".join("A" if letter != "A" else "B" for letter in signature[-8:-1]) + "="
    for why, headers in {
        "without a signature": {name: value for name, value in right.items() if name != "webhook-signature"},
        "signed with another secret": _signed(another, body),
        "with a signature whose end is wrong": {**right, "webhook-signature": wrong_end},
        "with a truncated signature": {**right, "webhook-signature": signature[:11]},
        "for another body": _signed(secret, _alert()),
        "with an id that was not signed": {**right, "webhook-id": "msg_another"},
        "from before the window": _signed(secret, body, late=window + 30),
        "from after the window": _signed(secret, body, late=-window - 30),
        "with a time that was not signed": {**right, "webhook-timestamp": f"{int(right['webhook-timestamp']) - 1}"},
    }.items():
        refused = _deliver(subject, body, headers)
        refused.must_be_error(401, why)
    huge = json.dumps({"alerts": [], "padding": "x" * subject.configured.max_body_bytes})
    _deliver(subject, huge, _signed(secret, huge)).must_be_error(413, "over MAX_BODY_BYTES")
    counting.must_be(refused, {TAKEN: 0, FIRING: 0})


@check("A signed webhook takes effect once: an alert fires, a repeated delivery changes nothing, the alert resolves")
def webhook_once(subject: Subject) -> None:
    secret, counting, name = _secret(subject), Counting(subject), f"Alert{secrets.token_hex(4)}"
    body = _alert("firing", name)
    headers = _signed(secret, body)
    first = _deliver(subject, body, headers)
    first.must(first.status == 200, "200 for a correctly signed webhook")
    counting.must_be(first, {TAKEN: 1, FIRING: 1})
    again = ask_many(lambda _: _deliver(subject, body, headers), 4)
    shown = in_order(first, *again[:1])
    counting.must_be(shown, {TAKEN: 1, FIRING: 1})
    news, crowd = _alert("firing"), 4
    together = _signed(secret, news)
    shown = as_crowd(ask_many(lambda _: _deliver(subject, news, together), crowd)[0], crowd)
    counting.must_be(shown, {TAKEN: 2, FIRING: 2})
    for resolved in (_alert("resolved", name), news.replace("firing", "resolved")):
        over = _deliver(subject, resolved, _signed(secret, resolved))
        over.must(over.status == 200, "200 for a resolved alert")
    counting.must_be(in_order(first, over), {TAKEN: 4, FIRING: 0})


# --- other origins -----------------------------------------------------------------------------------------------


@check("Browser pages from CORS_ORIGINS may call the service and read its errors; no other page may")
def cors(subject: Subject) -> None:
    ours = subject.configured.cors_origins.partition(",")[0].strip()
    if not ours or ours == "*":
        raise NotGraded("it needs one origin in CORS_ORIGINS; start the service with it, and tell the grader the same")
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = subject.service.request("OPTIONS", GENERATE, headers={"Origin": ours, **asks})
    preflight.must(preflight.status in (200, 204), "200 or 204 for a preflight, without a token")
    _must_allow(preflight, ours)
    methods = preflight.headers.get("access-control-allow-methods", "")
    preflight.must("POST" in methods, "Access-Control-Allow-Methods with POST", methods)
    allowed = preflight.headers.get("access-control-allow-headers", "").lower()
    preflight.must(
        all(name in allowed for name in ("authorization", "content-type")),
        "Access-Control-Allow-Headers with authorization and content-type",
        allowed,
    )
    wrong = _post(subject, GENERATE, {"prompt": " "}, headers={"Origin": ours})
    for answer in (_answered(subject, GENERATE, _document(subject), headers={"Origin": ours}), wrong):
        _must_allow(answer, ours)
        vary = answer.headers.get("vary", "").lower()
        answer.must("origin" in vary, "Vary: Origin, or caches confuse the pages", f"Vary: {vary}")
    for other in ("https://elsewhere.example", f"{ours}.elsewhere.example", "null"):
        strange = {"Origin": other}
        for answer in (
            subject.service.request("OPTIONS", GENERATE, headers={**strange, **asks}),
            _post(subject, GENERATE, {"prompt": " "}, headers=strange),
        ):
            told = answer.headers.get("access-control-allow-origin")
            answer.must(told is None, f"no Access-Control-Allow-Origin for {other}", told)


def _must_allow(answer: Answer, origin: str) -> None:
    told = answer.headers.get("access-control-allow-origin")
    answer.must(told == origin, f"Access-Control-Allow-Origin: {origin}", f"Access-Control-Allow-Origin: {told}")


# --- rules -------------------------------------------------------------------------------------------------------

RULES = ROOT / "serving" / "monitoring" / "prometheus" / "rules"
PROMETHEUS = "apt-get install prometheus"
FAILED_EXPR = re.compile(r'expr: ".*?# (?P<must>[^"]+)", time: (?P<time>\S+),\s+exp:.*?\n\s+got:(?P<got>.*)')

ALERT = "CostBurnsTooFast"
NUMBER = "cost_per_request"


@check(f"The alert {ALERT} fires at twice the budget of all models together, not after one minute, and not for ever")
def cost_alert(subject: Subject) -> None:
    _must_obey("cost_alert.test.yml", _rules(subject, "cost_alert.yml", "cost.yml"), ALERT)


@check(f"{NUMBER} sets off AnomalyDetected when requests become expensive, and not when there are more, or too few")
def business_metric(subject: Subject) -> None:
    rules = _rules(subject, "business.yml", "business.yml")
    _must_obey("business_metric.test.yml", rules, NUMBER, RULES / "anomaly.yml")


def _rules(subject: Subject, own: str, ours: str) -> Path:
    """The attendee's file, or else the workshop's."""
    file = subject.folder / own
    return file if file.exists() else RULES / ours


def _must_obey(story: str, rules: Path, named: str, *also: Path) -> None:
    """`rules`, together with those of `also`, do what promtool plays in `story`, and have something of this name."""
    promtool = PROGRAMS["promtool"].path()
    if promtool is None:
        raise NotGraded(f"promtool, which tests a rule with a simulated clock, is not installed: {PROMETHEUS}")
    play = Path(__file__).with_name(story)
    with tempfile.TemporaryDirectory() as folder:
        played = Path(folder) / story
        files = json.dumps([str(rules), *map(str, also)])
        played.write_text(re.sub(r"(?m)^rule_files: .*$", f"rule_files: {files}", play.read_text()))
        said = _said_by([promtool, "check", "rules", str(rules)])
        if said:
            raise Failed("rules that promtool can read", said[-300:], f"promtool check rules {_from_root(rules)}")
        if named not in rules.read_text():
            raise Failed(f"a rule with the name {named}", "none of that name", f"grep {named} {_from_root(rules)}")
        said = _said_by([promtool, "test", "rules", str(played)])
    if said:
        wrong = FAILED_EXPR.search(said)
        got = "it did not fire" if wrong and wrong["got"].strip() == "nil" else "it fired"
        expected = f"{named}: {wrong['must']} (minute {_minutes(wrong['time'])} of the test)" if wrong else named
        raise Failed(expected, got if wrong else said[-300:], f"promtool test rules {_from_root(play)}")


def _said_by(command: Sequence[str]) -> str:
    """The output of a command that failed; empty if it succeeded."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout + done.stderr).strip() if done.returncode else ""


def _from_root(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _minutes(written: str) -> str:
    """Prometheus writes, for example, 1h16m."""
    hours, _, rest = written.rpartition("h")
    return str(60 * int(hours or 0) + int(rest.removesuffix("m") or 0))
