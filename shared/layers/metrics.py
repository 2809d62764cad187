"""Count and time each call for GET /metrics, exactly once, like its line in the log.

In: a Call. Out: its reply, unchanged. Counts everything when the call is settled. Events on the way (retries, cache
look-ups) are counted where they happen.
"""

import os
import time

from shared.pipeline.call import Call
from shared.pipeline.errors import UpstreamError
from shared.pipeline.layer import Handler
from shared.pipeline.outcome import Outcome
from shared.pipeline.reply import Reply
from shared.process.write_behind import Observations, Steps, write
from shared.telemetry import metrics
from shared.telemetry.labels import LONGEST, OTHER, Admitted
from shared.telemetry.metrics import Children
from shared.telemetry.multiprocess import FOLDER
from shared.telemetry.process_metrics import ProcessMetrics
from shared.telemetry.trace import trace_of

MOST_MODELS = MOST_TENANTS = 100
MOST_ENDPOINTS = 20
MOST_COMBINATIONS = 1500  # of endpoint, model and status; together they fit into MOST_BYTES of exposition.py
ANONYMOUS = "anonymous"  # all callers without a token
REFUSED = {401, 403, 429, 503}


class Metrics:
    """With `first_tokens=False`, another part times the first tokens of streams."""

    def __init__(self, *, first_tokens: bool = True) -> None:
        self._first_tokens = first_tokens
        self._vitals = ProcessMetrics()
        self._endpoints = Admitted("endpoints", MOST_ENDPOINTS)
        self._models = Admitted("models", MOST_MODELS)
        self._tenants = Admitted("tenants", MOST_TENANTS)
        self._combinations = Admitted("combinations", MOST_COMBINATIONS, longest=3 * LONGEST)
        self._requests: dict[tuple[str, str, int], Steps] = {}
        self._overhead, self._queued = Observations(metrics.overhead), Observations(metrics.queued)
        self._duration = Children(metrics.duration, Observations)
        self._first_token = Children(metrics.first_token, Observations)
        self._per_token = Children(metrics.per_token, Observations)
        self._tokens = Children(metrics.tokens_total, Steps)
        self._cost = Children(metrics.cost_total, Steps)
        self._tenant_requests = Children(metrics.tenant_requests_total, Steps)
        self._tenant_tokens = Children(metrics.tenant_tokens_total, Steps)
        self._tenant_cost = Children(metrics.tenant_cost_total, Steps)
        self._tenant_refusals = Children(metrics.tenant_refusals_total, Steps)
        self._exemplars = FOLDER not in os.environ  # metric files cannot hold them

    async def open(self) -> None:
        self._vitals.begin()

    async def close(self) -> None:
        self._vitals.end()
        write()

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.on_done(lambda outcome: self._count(call, outcome))
        return await next(call)

    # region: metrics-count
    def _count(self, call: Call, outcome: Outcome) -> None:
        seconds = time.perf_counter() - call.started
        usage, status, answered = outcome.usage, outcome.status, outcome.price_source != ""
        endpoint = self._endpoints.label(call.endpoint, served=True)  # clients cannot invent routes
        model = self._models.label(outcome.model or call.request.model, served=answered)
        user = call.caller.user
        tenant = self._tenants.label(user, served=answered) if user else ANONYMOUS

        # region: metrics-count-it
        (self._requests.get((endpoint, model, status)) or self._first(endpoint, model, status)).inc()
        self._duration[endpoint].observe(seconds, self._exemplar(call))
        self._overhead.observe(max(0.0, seconds - call.upstream_seconds))
        self._queued.observe(call.queued_seconds)
        self._tenant_requests[tenant].inc()
        if answered:
            self._count_answer(outcome, model, tenant)
            if usage.output and (first := call.log_fields.get("time_to_first_token_ms")) is not None:
                self._time_stream(model, seconds, first / 1000, usage.output)
        elif status in REFUSED and not isinstance(outcome.error, UpstreamError):
            self._tenant_refusals[tenant].inc()
        # endregion: metrics-count-it

    # endregion: metrics-count

    def _exemplar(self, call: Call) -> dict[str, str] | None:
        """Links the duration to the trace of this call, if the trace is kept."""
        trace = trace_of(call)
        if trace is None or not self._exemplars or not (trace.sampled or trace.failed):
            return None
        return {"trace_id": trace.id}

    def _count_answer(self, outcome: Outcome, model: str, tenant: str) -> None:
        usage, cost = outcome.usage, outcome.cost_usd
        self._tokens[model, "input"].inc(usage.input)
        self._tokens[model, "output"].inc(usage.output)
        self._tenant_tokens[tenant].inc(usage.total)
        self._vitals.tokens += usage.output
        self._cost[model].inc(cost)
        self._tenant_cost[tenant].inc(cost)

    def _time_stream(self, model: str, seconds: float, first: float, tokens: int) -> None:
        if self._first_tokens:
            self._first_token[model].observe(first)
        if tokens > 1:
            self._per_token[model].observe((seconds - first) / (tokens - 1))

    def _first(self, endpoint: str, model: str, status: int) -> Steps:
        """The counter of a new combination."""
        known = self._combinations.label(f"{endpoint} {model} {status}", served=True) != OTHER
        counter = Steps(metrics.requests_total.labels(endpoint, model if known else OTHER, str(status)))
        self._requests[endpoint, model, status] = counter
        return counter
