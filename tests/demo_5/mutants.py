"""Demo 5 services with one deliberate fault each. The checks must find every fault.

Each function builds an application as `demos.demo_5_observability.app:build` does, and runs as
`python -m shared.server tests.demo_5.mutants:counts_tries`. It changes modules for good, so a process can be only one
mutant. test_demo_5.py says which checks must catch which mutant.
"""

import asyncio
import contextlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from prometheus_client import REGISTRY, Counter, Gauge, Metric
from prometheus_client.samples import Sample
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from demos.demo_5_observability import app as demo
from demos.demo_5_observability.exercise import app as exercise
from shared.cache.statistics import Statistics
from shared.http import cors as cross_origin
from shared.http.auth_gate import admin_of
from shared.layers import admission_queue, rate_limit, tracing
from shared.layers import metrics as metrics_layer
from shared.layers.memory_guard import MemoryGuard
from shared.layers.metrics import Metrics
from shared.layers.tracing import Tracing
from shared.pipeline import outcome as outcomes
from shared.pipeline.call import Call, Caller
from shared.pipeline.errors import ServiceError, UnsignedWebhook
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.outcome import Ending, Outcome
from shared.pipeline.reply import Reply, TokenStream
from shared.resilience import breakers
from shared.routes import batch, debug
from shared.settings import Settings
from shared.telemetry import exposition, metrics, spans, totals
from shared.telemetry.attributes import upstream_attributes
from shared.telemetry.labels import Admitted
from shared.telemetry.trace import LayerTime, Trace, UpstreamTime
from shared.telemetry.trace_context import TRACEPARENT, traceparent
from shared.webhooks import signature
from shared.webhooks.alert_board import AlertBoard
from shared.webhooks.notification import Alert
from shared.webhooks.signature import Claim, Verifier
from tests.demo_5 import solved

# --- how mutants are built ---------------------------------------------------------------------------------------


def _built(settings: Settings, **parts: Any) -> FastAPI:
    """Demo 5, with these in place of the parts of the same names in its app.py."""
    return _changed(settings, demo, **parts)


def _behind(settings: Settings, wrap: Callable[[ASGIApp], ASGIApp]) -> FastAPI:
    """Demo 5, with this wrapper between CORS and the rest."""
    right = cross_origin.cors

    def cors(origins: str) -> Callable[[ASGIApp], ASGIApp]:
        around = right(origins)
        return lambda app: around(wrap(app)) if around else wrap(app)

    return _built(settings, cors=cors)


def _changed(settings: Settings, *where: Any, **parts: Any) -> FastAPI:
    """Demo 5, with these in place of the parts of the same names in the given modules or classes."""
    for owner in where:
        for name, part in parts.items():
            assert hasattr(owner, name), f"{owner} has no {name}"
            setattr(owner, name, part)
    return demo.build(settings)


def _counter(*labels: str) -> Counter:
    """A counter that is never exported."""
    return Counter("unseen", "Nothing", labels, registry=None)


# --- counters ----------------------------------------------------------------------------------------------------


class CountsTries(Metrics):
    def _count(self, call: Call, outcome: Outcome) -> None:
        super()._count(call, outcome)
        if call.retries:
            metrics.requests_total.labels(call.endpoint, call.request.model, outcome.status).inc(call.retries)


def counts_tries(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=CountsTries)


class MissesHits(Metrics):
    """Does not count answers from the cache."""

    def _count(self, call: Call, outcome: Outcome) -> None:
        if not outcome.cached:
            super()._count(call, outcome)


def misses_answers_from_the_cache(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=MissesHits)


def takes_leavers_for_errors(settings: Settings) -> FastAPI:
    return _changed(settings, outcomes, CLIENT_CLOSED_REQUEST=500)


class ForgivesBrokenStreams(Metrics):
    """Counts broken streams as successes, because they began with a 200."""

    def _count(self, call: Call, outcome: Outcome) -> None:
        super()._count(call, replace(outcome, error=None) if outcome.ending is Ending.CUT else outcome)


def takes_broken_streams_for_answers(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=ForgivesBrokenStreams)


def counts_no_hits_of_limits(settings: Settings) -> FastAPI:
    return _changed(settings, rate_limit, refusals=dict.fromkeys(rate_limit.refusals, _counter()))


class CostsNothing(Metrics):
    def _count_answer(self, outcome: Outcome, model: str, tenant: str) -> None:
        super()._count_answer(replace(outcome, cost_usd=0.0), model, tenant)


def costs_nothing(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=CostsNothing)


class OfWholeAnswersAlone(Metrics):
    _of_a_stream = False

    def _count(self, call: Call, outcome: Outcome) -> None:
        self._of_a_stream = call.request.stream
        super()._count(call, outcome)

    def _count_answer(self, outcome: Outcome, model: str, tenant: str) -> None:
        if not self._of_a_stream:
            super()._count_answer(outcome, model, tenant)


def counts_no_tokens_of_streams(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=OfWholeAnswersAlone)


class OfFinishedAnswersAlone(Metrics):
    def _count_answer(self, outcome: Outcome, model: str, tenant: str) -> None:
        if outcome.ending is Ending.FINISHED:
            super()._count_answer(outcome, model, tenant)


def counts_no_tokens_of_who_leaves(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=OfFinishedAnswersAlone)


def takes_shared_answers_for_misses(settings: Settings) -> FastAPI:
    return _changed(settings, Statistics, coalesce=Statistics.miss)


def takes_bypasses_for_misses(settings: Settings) -> FastAPI:
    return _changed(settings, Statistics, bypass=Statistics.miss)


def never_counts_an_open_breaker(settings: Settings) -> FastAPI:
    return _changed(settings, breakers, open_total=_counter("upstream"))


class Unbounded(Admitted):
    def label(self, value: str, *, served: bool) -> str:
        return value


def labels_whatever_is_asked_for(settings: Settings) -> FastAPI:
    return _changed(settings, metrics_layer, Admitted=Unbounded)


class CountsPaths:
    """Labels requests by path, as many web frameworks' metrics do."""

    requests = Counter("http_requests_total", "Requests", ["path"])

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.requests.labels(scope["path"]).inc()
        await self.app(scope, receive, send)


def labels_paths(settings: Settings) -> FastAPI:
    return _behind(settings, CountsPaths)


def counts_in_each_worker_alone(settings: Settings) -> FastAPI:
    return _changed(settings, exposition, _OfWorkers=lambda folder: REGISTRY)


def forgets_a_name(settings: Settings) -> FastAPI:
    REGISTRY.unregister(batch.sizes)
    return demo.build(settings)


def calls_seconds_milliseconds(settings: Settings) -> FastAPI:
    in_ms = totals.in_ms

    def in_seconds(seconds: Iterable[Sample]) -> Metric:
        metric = in_ms(seconds)
        for place, sample in enumerate(metric.samples):
            if le := sample.labels.get("le"):
                metric.samples[place] = sample._replace(labels={"le": str(float(le) / 1000)})
        return metric

    return _changed(settings, totals, in_ms=in_seconds)


def labels_the_totals(settings: Settings) -> FastAPI:
    def labelled(metrics: Iterable[Metric]) -> Iterator[Metric]:
        for metric in totals.derived(metrics):
            if metric.name == "inference_requests":
                (sample,) = metric.samples
                halves = [sample._replace(labels={"half": half}, value=sample.value / 2) for half in ("a", "b")]
                metric.samples = halves
            yield metric

    return _changed(settings, exposition, derived=labelled)


# --- latencies ---------------------------------------------------------------------------------------------------


class TimesWorkAlone(Metrics):
    """Times a call only from the moment that it leaves the queue."""

    def _count(self, call: Call, outcome: Outcome) -> None:
        call.started += call.queued_seconds
        super()._count(call, outcome)


def times_no_queueing(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=TimesWorkAlone)


def shows_no_queue(settings: Settings) -> FastAPI:
    return _changed(settings, admission_queue, depth=Gauge("unseen", "Nothing", registry=None))


class FirstTokenAtTheEnd(Metrics):
    def _time_stream(self, model: str, seconds: float, first: float, tokens: int) -> None:
        super()._time_stream(model, seconds, seconds, tokens)


def times_the_first_token_at_the_end(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=FirstTokenAtTheEnd)


class FirstTokenOfAll(Metrics):
    def _count(self, call: Call, outcome: Outcome) -> None:
        call.log_fields.setdefault("time_to_first_token_ms", call.elapsed_ms())
        super()._count(call, outcome)


def times_first_tokens_that_nobody_saw(settings: Settings) -> FastAPI:
    return _built(settings, Metrics=FirstTokenOfAll)


class Timed(solved.FirstToken):
    """An attendee's possible solution: the right layer, in parts that can be wrong."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if isinstance(reply, TokenStream):
            self.observe(call, reply)
        return reply

    def observe(self, call: Call, stream: TokenStream) -> None:
        self._seconds.labels(self.model(call, stream)).observe(self.took(call))

    def model(self, call: Call, stream: TokenStream) -> str:
        return stream.first.model or call.request.model

    def took(self, call: Call) -> float:
        return time.perf_counter() - call.started


def _timed(settings: Settings, layer: type[solved.FirstToken]) -> FastAPI:
    """The attendee's stack with this layer."""
    exercise.FirstToken = layer  # type: ignore[attr-defined,assignment]
    return exercise.build(settings)


class InMilliseconds(Timed):
    def took(self, call: Call) -> float:
        return super().took(call) * 1000


def times_first_tokens_in_milliseconds(settings: Settings) -> FastAPI:
    return _timed(settings, InMilliseconds)


class FromItsPlace(Timed):
    def took(self, call: Call) -> float:
        return super().took(call) - call.queued_seconds


def times_first_tokens_without_the_queue(settings: Settings) -> FastAPI:
    return _timed(settings, FromItsPlace)


class OfTheTriesAlone(Timed):
    """Leaves out the pauses between tries."""

    def took(self, call: Call) -> float:
        return call.queued_seconds + call.upstream_seconds


def times_first_tokens_without_the_retries(settings: Settings) -> FastAPI:
    return _timed(settings, OfTheTriesAlone)


class OfOurWorkAlone(Timed):
    def took(self, call: Call) -> float:
        return super().took(call) - call.upstream_seconds


def times_first_tokens_without_the_model(settings: Settings) -> FastAPI:
    return _timed(settings, OfOurWorkAlone)


class Twice(Timed):
    def observe(self, call: Call, stream: TokenStream) -> None:
        super().observe(call, stream)
        super().observe(call, stream)


def times_first_tokens_twice(settings: Settings) -> FastAPI:
    return _timed(settings, Twice)


class UnlessItEnds(Timed):
    """Observes only when the stream ends, and skips streams with this ending."""

    ending = Ending.CUT

    def observe(self, call: Call, stream: TokenStream) -> None:
        took, model = self.took(call), self.model(call, stream)

        def settled(outcome: Outcome) -> None:
            if outcome.ending is not self.ending:
                self._seconds.labels(model).observe(took)

        call.on_done(settled)


def times_no_first_token_of_who_breaks_off(settings: Settings) -> FastAPI:
    return _timed(settings, UnlessItEnds)


class UnlessSomebodyLeaves(UnlessItEnds):
    ending = Ending.LEFT


def times_no_first_token_of_who_is_left(settings: Settings) -> FastAPI:
    return _timed(settings, UnlessSomebodyLeaves)


class OfAllStreams(Timed):
    """Times streams that never began, too."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await super().__call__(call, next)
        except ServiceError:
            if call.request.stream:
                self._seconds.labels(call.request.model).observe(self.took(call))
            raise


def times_first_tokens_that_never_came(settings: Settings) -> FastAPI:
    return _timed(settings, OfAllStreams)


class ByWhoWasAsked(Timed):
    def model(self, call: Call, stream: TokenStream) -> str:
        return call.request.model


def labels_first_tokens_with_who_was_asked(settings: Settings) -> FastAPI:
    return _timed(settings, ByWhoWasAsked)


class ByNobody(Timed):
    def model(self, call: Call, stream: TokenStream) -> str:
        return "model"


def labels_all_first_tokens_alike(settings: Settings) -> FastAPI:
    return _timed(settings, ByNobody)


class OfWhateverIsAsked(Timed):
    """Makes a permanent label of any model name that a caller invents, as the starter does."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if not call.request.stream:
            self._seconds.labels(call.request.model)
        return await super().__call__(call, next)


def makes_a_label_of_whatever_is_asked_for(settings: Settings) -> FastAPI:
    return _timed(settings, OfWhateverIsAsked)


# --- traces ------------------------------------------------------------------------------------------------------


class OnItsWayAlone(Tracing):
    """Does not follow calls into the layers."""

    def follow(self, layers: Sequence[Layer], innermost: Handler) -> None:
        return


def has_no_spans_of_layers(settings: Settings) -> FastAPI:
    return _built(settings, Tracing=OnItsWayAlone)


def _side_by_side(layers: Sequence[LayerTime]) -> Iterator[int | None]:
    return (None for _ in layers)


def puts_layers_side_by_side(settings: Settings) -> FastAPI:
    return _changed(settings, spans, _above=_side_by_side)


class EndsAtTheFirstToken(Tracing):
    def _send(self, trace: Trace) -> None:
        if trace.upstreams and trace.upstreams[-1].first_chunk:
            trace.ended = trace.upstreams[-1].first_chunk
        super()._send(trace)


def ends_a_streams_trace_too_early(settings: Settings) -> FastAPI:
    return _built(settings, Tracing=EndsAtTheFirstToken)


def tells_no_tokens_in_traces(settings: Settings) -> FastAPI:
    write = upstream_attributes

    def without_usage(call: Call, asked: UpstreamTime, outcome: Outcome | None) -> dict[str, Any]:
        told = write(call, asked, outcome)
        return {name: value for name, value in told.items() if not name.startswith("gen_ai.usage.")}

    return _changed(settings, tracing, upstream_attributes=without_usage)


def has_a_span_for_each_try(settings: Settings) -> FastAPI:
    follow_try = Trace.follow_try

    async def each_by_itself(trace: Trace, call: Call, base_url: str, send: Handler) -> Reply:
        trace.upstreams.append(UpstreamTime(call.target, base_url, len(trace.layers), time.perf_counter()))
        return await follow_try(trace, call, base_url, send)

    return _changed(settings, Trace, follow_try=each_by_itself)


def joins_no_trace(settings: Settings) -> FastAPI:
    return _changed(settings, tracing, read_parent=lambda headers: None)


def hands_nothing_on(settings: Settings) -> FastAPI:
    return _changed(settings, Trace, tell=lambda trace, headers: None)


def hands_on_what_came(settings: Settings) -> FastAPI:
    """Passes on the caller's span id: the upstream's work then looks like the caller's."""

    def tell(trace: Trace, headers: dict[str, str]) -> None:
        headers[TRACEPARENT] = traceparent(trace.id, trace.parent or trace.upstreams[-1].id, trace.sampled)

    return _changed(settings, Trace, tell=tell)


class KeepsItFromTheLog(Tracing):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.on_done(lambda _: call.log_fields.pop("trace_id", None))
        return await super().__call__(call, next)


def tells_the_log_no_trace(settings: Settings) -> FastAPI:
    return _built(settings, Tracing=KeepsItFromTheLog)


def finds_no_trace_failed(settings: Settings) -> FastAPI:
    return _changed(settings, tracing, failed=lambda outcome: False)


# --- health and debug routes -------------------------------------------------------------------------------------


class AsksFirst:
    """GET /health waits until the upstream answers, for at most `patience` seconds. The first call, which tells the
    starter of the service that it is up, does not wait.
    """

    def __init__(self, app: ASGIApp, base_url: str, patience: float) -> None:
        self.app = app
        self.patience = patience
        self.is_up = False
        self.address = urlsplit(base_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/health":
            if self.is_up:
                with contextlib.suppress(TimeoutError, OSError):
                    async with asyncio.timeout(self.patience):
                        await self._ask()
            self.is_up = True
        await self.app(scope, receive, send)

    async def _ask(self) -> None:
        reader, writer = await asyncio.open_connection(self.address.hostname, self.address.port)
        try:
            writer.write(b"GET /health HTTP/1.1\r\nHost: upstream\r\nConnection: close\r\n\r\n")
            await reader.readline()
        finally:
            writer.close()


def asks_its_upstream_how_it_is_itself(settings: Settings) -> FastAPI:
    return _behind(settings, lambda app: AsksFirst(app, settings.openai_base_url, 0.02))


def hangs_with_its_upstream(settings: Settings) -> FastAPI:
    return _behind(settings, lambda app: AsksFirst(app, settings.openai_base_url, 5))


def says_nothing_of_its_memory(settings: Settings) -> FastAPI:
    return _changed(settings, MemoryGuard, checks=lambda guard: {})


def lets_everybody_debug(settings: Settings) -> FastAPI:
    return _changed(settings, debug, admin_of=lambda request: Caller())


def lets_every_user_debug(settings: Settings) -> FastAPI:
    def user_of(request: Request) -> Caller:
        caller: Caller = request.state.caller
        return caller if caller.user else admin_of(request)

    return _changed(settings, debug, admin_of=user_of)


def resets_no_breaker(settings: Settings) -> FastAPI:
    return _changed(settings, breakers.Breakers, reset=lambda circuits: [])


# --- webhooks and CORS -------------------------------------------------------------------------------------------


def _with(settings: Settings, **changes: Any) -> FastAPI:
    """The right parts with wrong settings."""
    return demo.build(settings.model_copy(update=changes))


def takes_webhooks_of_any_age(settings: Settings) -> FastAPI:
    return _with(settings, webhook_timestamp_window=1e9)


class TakesAllAnew(AlertBoard):
    async def take(self, id: str, told: Sequence[Alert]) -> bool:
        return await super().take(f"{id}-{secrets.token_hex(8)}", told)


def takes_webhooks_again(settings: Settings) -> FastAPI:
    return _built(settings, AlertBoard=TakesAllAnew)


def _begins_right(verifier: Verifier, claim: Claim, body: bytes) -> None:
    for key in verifier._keys:
        expected = signature.sign(key, claim.id, claim.timestamp, body).encode()
        if any(hmac.compare_digest(expected[: len(given)][:11], given[:11]) for given in claim.signatures):
            return
    raise UnsignedWebhook("no signature of this webhook begins as it should")


def compares_the_beginning_of_signatures(settings: Settings) -> FastAPI:
    return _changed(settings, Verifier, verify=_begins_right)


def believes_whoever_signs(settings: Settings) -> FastAPI:
    return _changed(settings, Verifier, verify=lambda verifier, claim, body: None)


def lets_every_page_in(settings: Settings) -> FastAPI:
    return _with(settings, cors_origins="*")


def lets_pages_in_by_how_they_begin(settings: Settings) -> FastAPI:
    def is_allowed(cors: Any, origin: str) -> bool:
        return any(origin.startswith(allowed) for allowed in cors.allow_origins)

    return _changed(settings, cross_origin.Cors, is_allowed_origin=is_allowed)


def has_no_cors_for_errors(settings: Settings) -> FastAPI:
    allow = cross_origin.Cors.send

    async def unless_wrong(cors: Any, message: Any, send: Send, request_headers: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            return await send(message)
        await allow(cors, message, send, request_headers)

    return _changed(settings, cross_origin.Cors, send=unless_wrong)
