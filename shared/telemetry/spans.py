"""A trace as OTLP's spans: one for the request, one for each layer, one for each upstream that was asked.

In: a Trace that has ended. Out: protobuf messages, added to a request for the collector. Knows nothing of calls, nor of
who sends. OTLP's own messages and not the OpenTelemetry SDK's spans: those cost four times as much, see export.py.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from shared.telemetry.trace import LayerTime, Trace, Try, UpstreamTime

ID_BYTES = 8
NANOSECONDS = 1_000_000_000
FIRST_CHUNK, TRY = "first_chunk", "try"  # the names of events

OK = Status()
FAILED = Status(code=Status.STATUS_CODE_ERROR)


def write_spans(trace: Trace, scope: ScopeSpans, epoch: int) -> None:
    """Add the spans of `trace`. `epoch`: nanoseconds since 1970 at which perf_counter() was 0."""
    trace_id = bytes.fromhex(trace.id)
    own_id = bytes.fromhex(trace.span_id) or random.randbytes(ID_BYTES)
    layers = [layer for layer in trace.layers if layer.started <= trace.ended]
    # A call whose caller left may go on for others that wait for its answer: that part is none of this trace's.
    for layer in layers:
        layer.ended = min(layer.ended or trace.ended, trace.ended)

    scope.spans.add(
        trace_id=trace_id,
        span_id=own_id,
        parent_span_id=bytes.fromhex(trace.parent),
        trace_state=trace.state,
        name=trace.name,
        kind=Span.SPAN_KIND_INTERNAL if trace.part else Span.SPAN_KIND_SERVER,
        start_time_unix_nano=_nanoseconds(trace.started, epoch),
        end_time_unix_nano=_nanoseconds(trace.ended, epoch),
        attributes=key_values(trace.attributes),
        links=[Span.Link(trace_id=bytes.fromhex(t), span_id=bytes.fromhex(s)) for t, s in trace.awaited],
        status=FAILED if trace.failed else OK,
    )
    ids = [random.randbytes(ID_BYTES) for _ in layers]
    above = list(_above(layers))
    for layer, span_id, parent in zip(layers, ids, above, strict=True):
        scope.spans.add(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=own_id if parent is None else ids[parent],
            trace_state=trace.state,
            name=layer.name,
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=_nanoseconds(layer.started, epoch),
            end_time_unix_nano=_nanoseconds(layer.ended, epoch),
            attributes=key_values({"error.type": layer.error}) if layer.error else (),
            status=FAILED if layer.error else OK,
        )
    for asked in trace.upstreams:
        parent = _around(asked, layers, above)
        scope.spans.add(
            trace_id=trace_id,
            span_id=bytes.fromhex(asked.id),
            parent_span_id=own_id if parent is None else ids[parent],
            trace_state=trace.state,
            name=asked.name,
            kind=Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=_nanoseconds(asked.started, epoch),
            end_time_unix_nano=_nanoseconds(min(asked.ended, trace.ended), epoch),
            attributes=key_values(asked.attributes),
            events=list(_events(asked, epoch)),
            status=FAILED if asked.error else OK,
        )


def _above(layers: Sequence[LayerTime]) -> Iterator[int | None]:
    """For each layer the one that called it: the last before it that is one less deep."""
    latest: dict[int, int] = {}
    for number, layer in enumerate(layers):
        yield latest.get(layer.depth - 1)
        latest[layer.depth] = number


def _around(asked: UpstreamTime, layers: Sequence[LayerTime], above: Sequence[int | None]) -> int | None:
    """The innermost layer that saw all the tries: the innermost of all, or the one that repeats it."""
    number = asked.layer - 1 if 0 < asked.layer <= len(layers) else None
    while number is not None and layers[number].ended < asked.tried:
        number = above[number]
    return number


def _events(asked: UpstreamTime, epoch: int) -> Iterator[Span.Event]:
    before = asked.started
    for number, tried in enumerate(asked.tries, start=1):
        attributes = key_values(_try_attributes(number, tried, before))
        yield Span.Event(name=TRY, time_unix_nano=_nanoseconds(tried.started, epoch), attributes=attributes)
        before = tried.ended
    if asked.first_chunk:
        yield Span.Event(name=FIRST_CHUNK, time_unix_nano=_nanoseconds(asked.first_chunk, epoch))


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


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in attributes.items()]


def _value(value: Any) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[_value(one) for one in value]))
