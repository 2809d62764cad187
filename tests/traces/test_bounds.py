"""The receiver's bounds: any amount and kind of input leaves it within them, and running."""

import dataclasses
import json
import random

import orjson
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from serving.traces.otlp import JSON, LARGEST_SPAN, LONGEST_VALUE, PROTOBUF, BadMessage, read
from serving.traces.span import Span as Kept
from serving.traces.trace import MOST_SPANS
from serving.traces.traces import MOST_BYTES, MOST_TRACES, Traces
from tests.traces.messages import Receiver, message, span, text


def kept(*spans: Span) -> list[Kept]:
    return read(message(spans), PROTOBUF).spans


def numbered(number: int) -> bytes:
    return (number + 1).to_bytes(16, "big")


def test_the_last_two_hundred_traces_are_kept_newest_first() -> None:
    traces = Traces()
    for number in range(MOST_TRACES + 50):
        traces.add(kept(span(1, f"trace {number}", at=number, trace_id=numbered(number))))
    names = [line["name"] for line in traces.newest()]
    assert names == [f"trace {number}" for number in range(MOST_TRACES + 49, 49, -1)]
    assert traces.get(numbered(0).hex()) is None
    assert traces.held()["traces"] == MOST_TRACES


def test_an_endless_trace_is_cut_and_says_how_many_spans_are_missing() -> None:
    traces = Traces()
    refused = traces.add(kept(*(span(number + 1, parent=number) for number in range(MOST_SPANS + 20))))
    assert refused == 20
    [line] = traces.newest()
    assert line["spans"] == MOST_SPANS
    whole = traces.get(line["trace_id"])
    assert whole is not None
    assert whole["left_out"] == 20
    assert not traces.add(kept(span(1, "sent again")))  # replaces a span that it already has


def test_a_flood_of_large_spans_leaves_no_more_than_the_bound() -> None:
    traces = Traces()
    filler = [text(f"key {number}", "x" * LONGEST_VALUE) for number in range(25)]
    [one] = kept(span(1, attributes=filler))
    for number in range(3000):
        traces.add([dataclasses.replace(one, trace_id=f"{number % 100:032x}", span_id=f"{number:016x}")])
        assert traces.size <= MOST_BYTES
    shown = sum(len(orjson.dumps(traces.get(line["trace_id"]))) for line in traces.newest())
    assert 0.9 * MOST_BYTES < shown < traces.held()["bytes"]


def test_a_span_is_cut_to_its_bound_or_refused() -> None:
    long = "x" * 10_000
    whole = Span.Event(name=long, attributes=[text("key", long)])
    received = read(message([span(1, long, attributes=[text(long, long)] * 5, events=[whole] * 20)]), PROTOBUF)
    [one] = received.spans
    assert len(one.name) <= 200
    assert len(one.details) < LARGEST_SPAN
    many = [text(f"key {number}", long) for number in range(100)]
    too_large = read(message([span(1, attributes=many), span(2)]), PROTOBUF)
    assert [kept.span_id for kept in too_large.spans] == ["0000000000000002"]
    assert (too_large.rejected, "larger than" in too_large.reason) == (1, True)


def test_every_kind_of_value_becomes_json_that_browsers_read_rightly() -> None:
    nested = AnyValue(string_value="deep")
    for _ in range(20):
        nested = AnyValue(array_value=ArrayValue(values=[nested]))
    values = {
        "text": AnyValue(string_value="<b>\u202e\0"),
        "yes": AnyValue(bool_value=True),
        "large": AnyValue(int_value=2**63 - 1),
        "share": AnyValue(double_value=0.25),
        "no number": AnyValue(double_value=float("nan")),
        "bytes": AnyValue(bytes_value=b"\x00\xff"),
        "map": AnyValue(kvlist_value=KeyValueList(values=[text("a", "b")])),
        "nothing": AnyValue(),
        "deep": nested,
    }
    attributes = [KeyValue(key=key, value=value) for key, value in values.items()]
    [one] = kept(span(1, attributes=attributes, status=Status(code=Status.STATUS_CODE_ERROR)))
    seen = json.loads(one.details)["attributes"]
    assert seen.pop("deep") == [[[["…"]]]]
    assert seen == {
        "text": "<b>\u202e\0",
        "yes": True,
        "large": str(2**63 - 1),
        "share": 0.25,
        "no number": None,
        "bytes": "00ff",
        "map": {"a": "b"},
        "nothing": None,
    }


def test_impossible_times_do_no_harm() -> None:
    traces = Traces()
    traces.add(kept(span(1, took=-5), span(2, start_time_unix_nano=2**64 - 1, end_time_unix_nano=1)))
    whole = traces.get(span(1).trace_id.hex())
    assert whole is not None
    assert [one["duration_ms"] for one in whole["spans"]] == [0, 0]


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_random_bytes_never_crash_it(media_type: str) -> None:
    chance = random.Random(7)
    good = message([span(1, attributes=[text("a", "b")], events=[Span.Event(name="try")])])
    if media_type == JSON:
        good = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"aa","attributes":[{"key":"\\ud800"}]}]}]}]}'
    traces = Traces()
    for _ in range(3000):
        damaged = bytearray(good if chance.random() < 0.8 else chance.randbytes(chance.randrange(200)))
        for _ in range(chance.randrange(1, 6)):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            traces.add(read(bytes(damaged), media_type).spans)
        except BadMessage:
            continue
    for line in traces.newest():
        orjson.dumps(traces.get(line["trace_id"]))


def test_random_bytes_over_http_are_accepted_or_refused(receiver: Receiver) -> None:
    chance = random.Random(11)
    for _ in range(60):
        headers = {"Content-Type": chance.choice([PROTOBUF, JSON]), "Content-Encoding": chance.choice(["gzip", ""])}
        assert receiver.send(chance.randbytes(300), headers).status in (200, 400, 415)
    assert receiver.get("/health")["status"] == "healthy"
