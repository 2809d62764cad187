"""OTLP's trace messages, read and answered: Protobuf and JSON.

In: the body of a POST /v1/traces. Out: spans, and how many were refused and why; or BadMessage. Whatever a sender puts
into a span, it leaves here no larger than LARGEST_SPAN.
https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from serving.traces.span import Span, milliseconds

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

LARGEST_SPAN = 64 << 10  # bytes of its details
LONGEST_NAME = 200  # characters
LONGEST_VALUE = 2_000  # characters of an attribute
MOST_ATTRIBUTES = 64
MOST_EVENTS = 64
MOST_LINKS = 16
DEEPEST = 4  # lists within lists
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
LARGEST_EXACT = 2**53  # for a JSON number that browsers read
HTTP_STATUS = "http.response.status_code"

KINDS = {0: "unspecified", 1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
STATUSES = {0: "unset", 1: "ok", 2: "error"}


class BadMessage(Exception):
    """A body that is not an OTLP message; the text is one line for its sender."""


@dataclass(slots=True)
class Received:
    """`rejected` spans were left out, the last one because of `reason`."""

    spans: list[Span] = field(default_factory=list)
    rejected: int = 0
    reason: str = ""

    def reject(self, reason: str) -> None:
        self.rejected += 1
        self.reason = reason


def read(body: bytes, media_type: str) -> Received:
    """The content of the message. Raises BadMessage."""
    message = _json(body) if media_type == JSON else _protobuf(body)
    # Protobuf's JSON has base64 where OTLP's has hexadecimal digits: reading as base64 and writing back restores them.
    ids = _as_base64 if media_type == JSON else bytes.hex
    received = Received()
    for resource_spans in message.resource_spans:
        service = _text(_attributes(resource_spans.resource.attributes).get("service.name", "")) or "unknown"
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                _take(span, service, ids, received)
    return received


def answer(received: Received, media_type: str) -> bytes:
    """The response, in the sender's own encoding: the empty message, unless spans were rejected."""
    response = ExportTraceServiceResponse()
    if received.rejected:
        response.partial_success.rejected_spans = received.rejected
        response.partial_success.error_message = received.reason
    if media_type == JSON:
        return json.dumps(json_format.MessageToDict(response)).encode()
    return bytes(response.SerializeToString())


def _protobuf(body: bytes) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise BadMessage("the body is not an ExportTraceServiceRequest in Protobuf") from None
    return message


def _json(body: bytes) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    try:
        json_format.Parse(body.decode(), message, ignore_unknown_fields=True)
    except RecursionError:
        raise BadMessage("the JSON is nested too deeply") from None
    except (json_format.ParseError, ValueError) as wrong:
        reason = " ".join(str(wrong).split())[:LONGEST_NAME]
        raise BadMessage(f"the body is not an ExportTraceServiceRequest in JSON: {reason}") from None
    return message


def _as_base64(data: bytes) -> str:
    digits = base64.b64encode(data).decode().lower()
    return digits if all(digit in "0123456789abcdef" for digit in digits) else ""


def _take(span: trace_pb2.Span, service: str, ids: Any, received: Received) -> None:
    trace_id, span_id = ids(span.trace_id), ids(span.span_id)
    if len(trace_id) != 2 * TRACE_ID_BYTES or not trace_id.strip("0"):
        return received.reject("a span's trace id is not 32 hexadecimal digits, or all zeros")
    if len(span_id) != 2 * SPAN_ID_BYTES or not span_id.strip("0"):
        return received.reject("a span's id is not 16 hexadecimal digits, or all zeros")
    started = span.start_time_unix_nano
    if not started:
        return received.reject("a span has no start time")
    attributes = _attributes(span.attributes)
    http_status = attributes.get(HTTP_STATUS)
    details = orjson.dumps(
        {
            "kind": KINDS.get(span.kind, KINDS[0]),
            "service": _cut(service, LONGEST_NAME),
            "message": _cut(span.status.message, LONGEST_VALUE),
            "attributes": attributes,
            "events": [
                {
                    "name": _cut(event.name, LONGEST_NAME),
                    "after_ms": milliseconds(event.time_unix_nano - started) if event.time_unix_nano else None,
                    "attributes": _attributes(event.attributes),
                }
                for event in islice(span.events, MOST_EVENTS)
            ],
            "links": [
                {"trace_id": ids(link.trace_id), "span_id": ids(link.span_id)}
                for link in islice(span.links, MOST_LINKS)
            ],
        }
    )
    if len(details) > LARGEST_SPAN:
        return received.reject(f"a span is larger than {LARGEST_SPAN} bytes")
    received.spans.append(
        Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_id=ids(span.parent_span_id)[: 2 * SPAN_ID_BYTES],
            name=_cut(span.name, LONGEST_NAME) or "unnamed",
            status=STATUSES.get(span.status.code, STATUSES[0]),
            http_status=http_status if isinstance(http_status, int) else None,
            started=started,
            ended=max(started, span.end_time_unix_nano),
            details=details,
        )
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {_cut(pair.key, LONGEST_NAME): _value(pair.value) for pair in islice(pairs, MOST_ATTRIBUTES)}


def _value(value: AnyValue, depth: int = 0) -> Any:
    match value.WhichOneof("value"):
        case "string_value":
            return _cut(value.string_value, LONGEST_VALUE)
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value if abs(value.int_value) < LARGEST_EXACT else str(value.int_value)
        case "double_value":
            return value.double_value
        case "bytes_value":
            return _cut(value.bytes_value[:LONGEST_VALUE].hex(), LONGEST_VALUE)
        case "array_value" | "kvlist_value" if depth == DEEPEST:
            return "…"
        case "array_value":
            return [_value(each, depth + 1) for each in islice(value.array_value.values, MOST_ATTRIBUTES)]
        case "kvlist_value":
            return dict(_pairs(value.kvlist_value.values, depth + 1))
    return None


def _pairs(pairs: Iterable[KeyValue], depth: int) -> Iterator[tuple[str, Any]]:
    for pair in islice(pairs, MOST_ATTRIBUTES):
        yield _cut(pair.key, LONGEST_NAME), _value(pair.value, depth)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
