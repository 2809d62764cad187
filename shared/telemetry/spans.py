"""Writes a trace as OTLP spans: one for the request, one for each layer, one for each upstream that was asked.

In: a Trace that has ended. Out: protobuf messages, added to a request for the collector. Knows nothing of calls, nor of
sending. It uses OTLP's own messages: the OpenTelemetry SDK's spans take five times as long, see exporter.py.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from shared.telemetry.trace import LayerTime, Trace, Try, UpstreamTime

ID_BYTES = 8
SERVER, INTERNAL, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT
NANOSECONDS = 1_000_000_000
FIRST_CHUNK, TRY = "first_chunk", "try"  # the names of events


def write_spans(trace: Trace, scope: ScopeSpans, epoch: int) -> None:
    """Add the spans of `trace`. `epoch`: nanoseconds since 1970 at which perf_counter() was 0."""
    pen = _Pen(trace, scope, epoch)
    own_id = bytes.fromhex(trace.span_id) or random.randbytes(ID_BYTES)
    layers = [layer for layer in trace.layers if layer.started <= trace.ended]
    # A call whose caller left may go on for others that wait for its answer. That part is outside this trace.
    for layer in layers:
        layer.ended = min(layer.ended or trace.ended, trace.ended)

    kind = INTERNAL if trace.part else SERVER
    root = pen.span(own_id, bytes.fromhex(trace.parent), trace.name, kind, trace.started, trace.ended, trace.failed)
    write_attributes(root, trace.attributes)
    for other_trace, other_span in trace.awaited:
        root.links.add(trace_id=bytes.fromhex(other_trace), span_id=bytes.fromhex(other_span))

    ids = [random.randbytes(ID_BYTES) for _ in layers]
    above = list(_above(layers))
    for layer, span_id, number in zip(layers, ids, above, strict=True):
        parent = own_id if number is None else ids[number]
        span = pen.span(span_id, parent, layer.name, INTERNAL, layer.started, layer.ended, layer.error != "")
        if layer.error:
            write_attributes(span, {"error.type": layer.error})

    for asked in trace.upstreams:
        ended = min(asked.ended, trace.ended)
        number = _around(asked, min(asked.tried, ended), layers, above)
        parent = own_id if number is None else ids[number]
        span = pen.span(bytes.fromhex(asked.id), parent, asked.name, CLIENT, asked.started, ended, asked.error != "")
        write_attributes(span, asked.attributes)
        _write_events(span, asked, epoch)


class _Pen:
    """Writes the fields that all spans of a trace have. It sets each one: composed messages cost twice the time."""

    def __init__(self, trace: Trace, scope: ScopeSpans, epoch: int) -> None:
        self._trace_id = bytes.fromhex(trace.id)
        self._state = trace.state
        self._spans = scope.spans
        self._epoch = epoch

    def span(
        self,
        span_id: bytes,
        parent: bytes,
        name: str,
        kind: "Span.SpanKind.ValueType",
        started: float,
        ended: float,
        failed: bool,
    ) -> Span:
        span: Span = self._spans.add()
        span.trace_id = self._trace_id
        span.span_id = span_id
        span.parent_span_id = parent
        span.name = name
        span.kind = kind
        span.start_time_unix_nano = _nanoseconds(started, self._epoch)
        span.end_time_unix_nano = _nanoseconds(ended, self._epoch)
        if self._state:
            span.trace_state = self._state
        if failed:
            span.status.code = Status.STATUS_CODE_ERROR
        return span


def _above(layers: Sequence[LayerTime]) -> Iterator[int | None]:
    """For each layer the one that called it: the last one before it at a depth of one less."""
    latest: dict[int, int] = {}
    for number, layer in enumerate(layers):
        yield latest.get(layer.depth - 1)
        latest[layer.depth] = number


def _around(asked: UpstreamTime, tried: float, layers: Sequence[LayerTime], above: Sequence[int | None]) -> int | None:
    """The innermost layer that saw all the tries: the innermost of all, or the one that retries it."""
    number = asked.layer - 1 if 0 < asked.layer <= len(layers) else None
    while number is not None and layers[number].ended < tried:
        number = above[number]
    return number


def _write_events(span: Span, asked: UpstreamTime, epoch: int) -> None:
    before = asked.started
    for number, tried in enumerate(asked.tries, start=1):
        event = span.events.add(name=TRY, time_unix_nano=_nanoseconds(tried.started, epoch))
        write_attributes(event, _try_attributes(number, tried, before))
        before = tried.ended
    if asked.first_chunk:
        span.events.add(name=FIRST_CHUNK, time_unix_nano=_nanoseconds(asked.first_chunk, epoch))


def _try_attributes(number: int, tried: Try, before: float) -> Mapping[str, Any]:
    attributes: dict[str, Any] = {
        "gateway.try.number": number,
        "gateway.try.wait_seconds": tried.started - before,  # since the try before it
        "gateway.try.duration_seconds": tried.ended - tried.started,
    }
    if tried.status is not None:
        attributes["http.response.status_code"] = tried.status
    if tried.error:
        attributes["error.type"] = tried.error
    return attributes


def _nanoseconds(reading: float, epoch: int) -> int:
    return int(reading * NANOSECONDS) + epoch


def write_attributes(to: Span | Span.Event | Resource, attributes: Mapping[str, Any]) -> None:
    add = to.attributes.add
    for name, value in attributes.items():
        pair = add()
        pair.key = name
        _write_value(pair.value, value)


def _write_value(place: AnyValue, value: Any) -> None:
    if isinstance(value, str):
        place.string_value = value
    elif isinstance(value, bool):
        place.bool_value = value
    elif isinstance(value, int):
        place.int_value = value
    elif isinstance(value, float):
        place.double_value = value
    else:
        for one in value:
            _write_value(place.array_value.values.add(), one)
