"""Record one trace per request: the time in each layer further in, the upstreams asked, and how the call ended.

In: a Call. Out: its reply, unchanged. TRACE_SAMPLE_RATIO of the calls are followed through every layer, as are calls
whose caller's trace is kept. For other calls only the upstreams are recorded, and sent if the call fails with a 5xx or
is cut. Nothing is written or sent on the call's path; see shared/telemetry/exporter.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.pipeline.call import Call
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.outcome import Ending, Outcome
from shared.pipeline.reply import Reply
from shared.settings import Settings
from shared.telemetry.attributes import (
    batch_attributes,
    call_attributes,
    model_of,
    request_attributes,
    response_attributes,
    root_name,
    upstream_attributes,
)
from shared.telemetry.otlp_endpoint import read_endpoint
from shared.telemetry.trace import Trace, error_type, follow_layer, trace_of
from shared.telemetry.trace_context import new_span_id, new_trace_id, read_parent

if TYPE_CHECKING:
    from shared.telemetry.exporter import Exporter

IDS = 1 << 64  # OpenTelemetry's samplers all decide by the lower half of a trace's id


class Tracing:
    """Sends traces to OTLP_ENDPOINT. Raises BadSetting for an invalid URL."""

    def __init__(self, settings: Settings) -> None:
        self._endpoint = read_endpoint(settings.otlp_endpoint)
        self._chosen = int(settings.trace_sample_ratio * IDS)
        self._followed: Handler | None = None
        self._exporter: Exporter | None = None

    def follow(self, layers: Sequence[Layer], innermost: Handler) -> None:
        """Build the traced path for calls whose trace is kept. Others take the usual path, at no cost."""
        handler = innermost
        for depth, layer in reversed(list(enumerate(layers))):
            handler = follow_layer(layer, depth, handler)
        self._followed = handler

    async def open(self) -> None:
        # OTLP's messages take 2 MB of a worker's memory: load them only where traces are sent.
        from shared.telemetry.exporter import Exporter

        self._exporter = Exporter(self._endpoint)
        await self._exporter.open()

    async def close(self) -> None:
        if self._exporter is not None:
            await self._exporter.close()

    async def __call__(self, call: Call, next: Handler) -> Reply:
        trace = call.trace = trace_of(call) or self._begin(call)
        trace.started = call.started
        call.log_fields["trace_id"] = trace.id
        call.on_done(lambda outcome: self._end(trace, call, outcome))
        return await (self._followed if trace.sampled and self._followed else next)(call)

    def _begin(self, call: Call) -> Trace:
        parent = read_parent(call.headers)
        if parent is not None:
            return Trace(parent.trace_id, parent.sampled, call.started, parent.span_id, parent.state)
        trace_id = new_trace_id()
        return Trace(trace_id, int(trace_id[16:], 16) < self._chosen, call.started)

    def _end(self, trace: Trace, call: Call, outcome: Outcome) -> None:
        if not (trace.sampled or failed(outcome)):
            return
        trace.ended = time.perf_counter()
        said = call_attributes(call, outcome)
        if not trace.part:
            trace.name = root_name(call)
            said |= request_attributes(call) | response_attributes(call, outcome)
        if outcome.error is not None:
            said["error.type"] = error_type(outcome.error)
            trace.failed = failed(outcome)
        trace.attributes = said
        _end_upstreams(trace, call, outcome)
        self._send(trace)

    def _send(self, trace: Trace) -> None:
        if self._exporter is not None:
            self._exporter.add(trace)

    @contextmanager
    def together(self, calls: Sequence[Call]) -> Iterator[None]:
        """Make the calls of one request parts of one trace, which is kept if one of theirs is."""
        whole = self._begin(calls[0])
        whole.span_id = new_span_id()
        for number, call in enumerate(calls):
            call.trace = whole.part_of(f"prompt {number}")
        try:
            yield
        finally:
            outcomes = [call.outcome for call in calls if call.outcome is not None]
            if whole.sampled or any(map(failed, outcomes)):
                whole.name = root_name(calls[0])
                whole.ended = time.perf_counter()
                whole.attributes = request_attributes(calls[0]) | batch_attributes(calls, outcomes)
                self._send(whole)


def failed(outcome: Outcome) -> bool:
    """Worth a trace, sampled or not."""
    return outcome.ending is Ending.CUT or (outcome.error is not None and outcome.error.http_status >= 500)


def _end_upstreams(trace: Trace, call: Call, outcome: Outcome) -> None:
    """The last upstream gave the answer, if there is one. For the others, their last try says how they ended."""
    for asked in trace.upstreams:
        answered = asked is trace.upstreams[-1] and outcome.model != "" and not outcome.cached
        last = asked.tries[-1] if asked.tries else None
        asked.name = f"chat {model_of(call, asked)}"
        asked.ended = last.ended if last is not None and not asked.first_chunk else trace.ended
        asked.error = last.error if last is not None else ""
        if answered and outcome.error is not None:  # a stream that broke off
            asked.error = error_type(outcome.error)
        asked.attributes = upstream_attributes(call, asked, outcome if answered else None)
