"""A trace collector that reads OTLP's protobuf like any other, and can be dead, frozen or refuse traces.

In: POST /v1/traces. Out: the received spans, for which it waits. It runs on its own thread.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.waiting import wait_for

T = TypeVar("T")

POLL_SECONDS = 0.02


@dataclass(slots=True, frozen=True)
class Span:
    """A span, with its times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent: str
    state: str
    name: str
    kind: str
    failed: bool
    started: int
    ended: int
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    links: list[tuple[str, str]]
    instance: str  # the worker that sent it

    @classmethod
    def read(cls, span: Message, instance: str) -> Span:
        return cls(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.trace_state,
            span.name,
            Message.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
            span.status.code == Status.STATUS_CODE_ERROR,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            _attributes(span.attributes),
            [(event.name, _attributes(event.attributes)) for event in span.events],
            [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
            instance,
        )


@dataclass(slots=True, frozen=True)
class Trace:
    spans: list[Span]

    @property
    def root(self) -> Span:
        known = {span.span_id for span in self.spans}
        [root] = [span for span in self.spans if span.parent not in known]
        return root

    def kind(self, kind: str) -> list[Span]:
        return [span for span in self.spans if span.kind == kind]

    @property
    def client(self) -> Span:
        [client] = self.kind("CLIENT")
        return client

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def under(self, span: Span) -> list[Span]:
        return [other for other in self.spans if other.parent == span.span_id]


class Collector:
    """It takes its port at once, and listens after `listen`. It answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[bytes] = []
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def freeze(self) -> None:
        """Accept connections, but never answer."""
        self._socket.listen()

    def listen(self) -> None:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                right = self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
                status = collector.status if right else 404
                if status == 200:
                    collector.bodies.append(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = self._socket
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
        self._socket.close()

    def spans(self) -> list[Span]:
        spans: list[Span] = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                instance = _attributes(resource.resource.attributes)["service.instance.id"]
                spans += [Span.read(span, instance) for scope in resource.scope_spans for span in scope.spans]
        return spans

    def traces(self) -> dict[str, Trace]:
        traces: dict[str, Trace] = {}
        for span in self.spans():
            traces.setdefault(span.trace_id, Trace([])).spans.append(span)
        return traces

    def trace(self, trace_id: str) -> Trace:
        """The trace, as soon as it arrives."""
        trace = wait_for(lambda: self.traces().get(trace_id), f"trace {trace_id}")
        assert trace is not None
        return trace


@contextmanager
def collector(*, listens: bool = True) -> Iterator[Collector]:
    made = Collector()
    if listens:
        made.listen()
    try:
        yield made
    finally:
        made.close()


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind) if kind else None
