"""OTLP messages for tests, and a receiver's answers."""

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
TRACE = bytes(range(16))
START = 1_790_000_000_000_000_000  # nanoseconds since 1970
MS = 1_000_000  # nanoseconds


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def span(number: int, name: str = "", *, parent: int = 0, at: int = 0, took: int = 1, **more: Any) -> Span:
    """A span. Its times are in milliseconds; `number` and `parent` stand for ids."""
    return Span(
        **{
            "trace_id": TRACE,
            "span_id": number.to_bytes(8, "big"),
            "parent_span_id": parent.to_bytes(8, "big") if parent else b"",
            "name": name or f"span {number}",
            "start_time_unix_nano": START + at * MS,
            "end_time_unix_nano": START + (at + took) * MS,
            **more,
        }
    )


def message(spans: Sequence[Span], service: str = "gateway") -> bytes:
    resource = Resource(attributes=[text("service.name", service)])
    sent = ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])]
    )
    return bytes(sent.SerializeToString())


class Answer(NamedTuple):
    status: int
    media_type: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """A running receiver."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        request = urllib.request.Request(self.url + path, body, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers.get_content_type(), answer.read())
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, refused.headers.get_content_type(), refused.read())

    def send(self, body: bytes, headers: dict[str, str] = PROTOBUF) -> Answer:
        return self.ask("POST", "/v1/traces", body, headers)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.json
