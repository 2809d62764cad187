"""The receiver over HTTP: OpenTelemetry's own exporter, both encodings, spans of many senders, and clear refusals."""

import gzip
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, format_trace_id

from serving.traces.body import LARGEST_BODY
from tests.traces.messages import JSON, PROTOBUF, START, Receiver, message, span, text
from workshop.processes import ROOT, free_port


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_traces_of_opentelemetrys_own_exporter_are_shown_unchanged(
    receiver: Receiver, compression: Compression
) -> None:
    provider = TracerProvider(resource=Resource.create({"service.name": "gateway"}))
    exporter = OTLPSpanExporter(f"{receiver.url}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("POST /generate", kind=SpanKind.SERVER) as root:
        root.set_attributes({"http.response.status_code": 502, "tokens": [1, 2], "share": 0.5, "sampled": True})
        with tracer.start_as_current_span("chat tiny", kind=SpanKind.CLIENT) as inner:
            inner.add_event("try", {"status": 503})
            inner.set_status(Status(StatusCode.ERROR, "no luck"))
    provider.shutdown()
    trace_id = format_trace_id(root.get_span_context().trace_id)

    trace = receiver.get(f"/traces/{trace_id}")
    outer, chat = trace["spans"]
    assert (outer["name"], outer["kind"], outer["service"]) == ("POST /generate", "server", "gateway")
    assert (outer["parent_id"], outer["started_ms"], outer["status"]) == (None, 0, "unset")
    assert outer["attributes"] == {
        "http.response.status_code": 502,
        "tokens": [1, 2],
        "share": 0.5,
        "sampled": True,
    }
    assert (chat["parent_id"], chat["kind"], chat["status"]) == (outer["span_id"], "client", "error")
    assert chat["message"] == "no luck"
    assert 0 <= chat["started_ms"] <= outer["duration_ms"]
    [event] = chat["events"]
    assert (event["name"], event["attributes"]) == ("try", {"status": 503})
    [line] = [line for line in receiver.get("/traces") if line["trace_id"] == trace_id]
    assert (line["name"], line["status"], line["http_status"], line["spans"]) == ("POST /generate", "unset", 502, 2)
    assert line["duration_ms"] == outer["duration_ms"]


def test_spans_of_one_trace_are_merged_in_any_order_from_any_sender(receiver: Receiver) -> None:
    trace: dict[str, Any] = {"trace_id": b"together-16bytes"}
    child = span(2, "engine", parent=1, at=5, took=20, **trace)
    receiver.send(message([child], "vllm"))
    receiver.send(message([child], "vllm"))  # its sender got no answer and sends it again
    receiver.send(message([span(1, "POST /generate", took=30, **trace)], "gateway"))
    seen = receiver.get(f"/traces/{b'together-16bytes'.hex()}")
    assert [(s["name"], s["service"], s["started_ms"]) for s in seen["spans"]] == [
        ("POST /generate", "gateway", 0),
        ("engine", "vllm", 5),
    ]
    assert (seen["name"], seen["duration_ms"], seen["started"]) == ("POST /generate", 30, START / 1e9)


def test_without_the_callers_spans_our_own_root_names_the_trace(receiver: Receiver) -> None:
    trace: dict[str, Any] = {"trace_id": b"caller's-is-away"}
    receiver.send(message([span(2, "Retry", parent=1, at=1, **trace), span(1, "POST /x", parent=99, took=4, **trace)]))
    assert receiver.get(f"/traces/{trace['trace_id'].hex()}")["name"] == "POST /x"


def test_the_protocols_json_is_accepted(receiver: Receiver) -> None:
    trace_id, parent = "5B8EFFF798038103D269B633813FC60C", "EEE19B7EC3C1B173"
    one: dict[str, Any] = {
        "traceId": trace_id,
        "spanId": "EEE19B7EC3C1B174",
        "parentSpanId": parent,
        "name": "I'm a server span",
        "startTimeUnixNano": "1544712660000000000",
        "endTimeUnixNano": "1544712661000000000",
        "kind": 2,
        "status": {"code": 2},
        "attributes": [{"key": "my.span.attr", "value": {"intValue": "7"}}],
        "something.new": True,
    }
    answer = receiver.send(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}).encode(), JSON)
    assert (answer.status, answer.media_type, answer.json) == (200, "application/json", {})
    [seen] = receiver.get(f"/traces/{trace_id}")["spans"]
    assert (seen["span_id"], seen["parent_id"]) == ("eee19b7ec3c1b174", parent.lower())
    assert (seen["duration_ms"], seen["kind"], seen["status"]) == (1000, "server", "error")
    assert (seen["service"], seen["attributes"]) == ("unknown", {"my.span.attr": 7})


def test_a_trace_is_found_by_what_one_of_its_spans_says(receiver: Receiver) -> None:
    one = span(1, trace_id=b"asked-for-by-id.", attributes=[text("gateway.request_id", 'mine "1"')])
    other = span(1, trace_id=b"somebody-else's.", attributes=[text("note", 'mine "1"')])
    receiver.send(message([one, other]))
    found = receiver.get("/traces?attribute=gateway.request_id&value=mine%20%221%22")
    assert [line["trace_id"] for line in found] == [b"asked-for-by-id.".hex()]
    assert receiver.get("/traces?attribute=gateway.request_id&value=mine") == []


def test_spans_that_cannot_be_kept_are_counted_and_the_others_are_kept(receiver: Receiver) -> None:
    good = span(1, trace_id=b"part-of-it-only.")
    bad = [span(2, trace_id=bytes(16)), span(3, trace_id=b"short"), span(0), span(4, start_time_unix_nano=0)]
    answer = receiver.send(message([*bad, good]))
    assert (answer.status, answer.media_type) == (200, "application/x-protobuf")
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert partial.rejected_spans == 4
    assert partial.error_message == "a span has no start time"
    assert len(receiver.get(f"/traces/{b'part-of-it-only.'.hex()}")["spans"]) == 1
    empty = receiver.send(b"")
    assert (empty.status, empty.body) == (200, b"")


def test_malformed_messages_are_refused_in_one_clear_line(receiver: Receiver) -> None:
    whole = message([span(1)])
    bomb = gzip.compress(bytes(64 << 20))
    refused = [
        (b"\xff\xff\xff", PROTOBUF, 400, "not an ExportTraceServiceRequest in Protobuf"),
        (b"{", JSON, 400, "not an ExportTraceServiceRequest in JSON"),
        (b'{"resourceSpans": 5}', JSON, 400, "not an ExportTraceServiceRequest in JSON"),
        (b"\xff", JSON, 400, "not an ExportTraceServiceRequest in JSON"),
        (b"[" * 100_000, JSON, 400, "JSON"),
        (whole, {"Content-Type": "text/plain"}, 415, "not text/plain"),
        (whole, {**PROTOBUF, "Content-Encoding": "br"}, 415, "not as br"),
        (whole, {**PROTOBUF, "Content-Encoding": "gzip"}, 400, "not gzip"),
        (gzip.compress(whole)[:-9], {**PROTOBUF, "Content-Encoding": "gzip"}, 400, "breaks off"),
        (bomb, {**PROTOBUF, "Content-Encoding": "gzip"}, 413, "larger than"),
        (bytes(LARGEST_BODY + 1), PROTOBUF, 413, "larger than"),
    ]
    for body, headers, status, words in refused:
        answer = receiver.send(body, headers)
        assert (answer.status, answer.media_type) == (status, "application/json"), (words, answer)
        assert answer.json["code"] == 3
        assert words in answer.json["message"]
    for method, path, status in [("GET", "/traces/0", 404), ("GET", "/elsewhere", 404), ("DELETE", "/traces", 405)]:
        answer = receiver.ask(method, path)
        assert answer.status == status
        assert answer.json["message"]


def test_many_senders_at_once_are_all_taken(receiver: Receiver) -> None:
    def send(number: int) -> int:
        return receiver.send(message([span(number + 1, trace_id=b"many-senders-16b")])).status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(send, range(100))) == {200}
    assert receiver.get(f"/traces/{b'many-senders-16b'.hex()}")["spans"][-1]
    assert receiver.get("/health")["status"] == "healthy"


def test_it_stops_on_sigterm_and_a_taken_port_is_one_clear_line(receiver: Receiver) -> None:
    taken = receiver.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "serving.traces", "--port"]
    second = subprocess.run([*command, taken], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{taken}" in second.stderr
    with subprocess.Popen([*command, str(free_port())], cwd=ROOT, stdout=subprocess.PIPE, text=True) as third:
        assert third.stdout is not None
        assert json.loads(third.stdout.readline())["event"] == "listening"
        third.send_signal(signal.SIGTERM)
        assert third.wait(60) == 0
