"""Incoming W3C Trace Context, and the share of traces that is kept. https://www.w3.org/TR/trace-context/"""

import asyncio
import random

import pytest

from shared.layers.tracing import Tracing
from shared.pipeline.call import Call
from shared.pipeline.reply import Completion
from shared.settings import Settings
from shared.telemetry.trace import trace_of
from shared.telemetry.trace_context import Parent, new_span_id, new_trace_id, read_parent, traceparent
from tests.shared.conftest import answering, completion, make_call

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"


@pytest.mark.parametrize(
    ("given", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-02", False),
        (f"cc-{TRACE}-{SPAN}-01-what-a-later-version-adds", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
    ],
)
def test_a_parent_is_read_with_its_flag_also_of_a_later_version(given: str, sampled: bool) -> None:
    assert read_parent({"traceparent": given}) == Parent(TRACE, SPAN, sampled, "")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0x",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_a_malformed_header_counts_as_missing(given: str) -> None:
    assert read_parent({"traceparent": given, "tracestate": STATE}) is None


@pytest.mark.parametrize(
    ("given", "handed_on"),
    [
        (STATE, STATE),
        (" rojo=1 ,\tcongo=2 ", "rojo=1,congo=2"),
        ("rojo=1,,congo=2", "rojo=1,congo=2"),
        ("tenant@system=a b", "tenant@system=a b"),
        ("no-value", ""),
        ("UPPER=1", ""),
        ("a=1,b", ""),
        ("a=b=c", ""),
        ("a=ñ", ""),
        (",".join(f"k{number}=1" for number in range(33)), ""),
        (f"a={'x' * 250},b={'x' * 256},c=1", ""),
        ("a=1 ," * 40 + "!", ""),
    ],
)
def test_a_well_formed_tracestate_is_passed_on(given: str, handed_on: str) -> None:
    parent = read_parent({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": given})
    assert parent is not None
    assert parent.state == handed_on


def test_our_own_header_can_be_read_again() -> None:
    for sampled in (True, False):
        trace_id, span_id = new_trace_id(), new_span_id()
        sent = {"traceparent": traceparent(trace_id, span_id, sampled)}
        assert read_parent(sent) == Parent(trace_id, span_id, sampled, "")


def ask(tracing: Tracing, count: int, **headers: str) -> list[Call]:
    async def ask_all() -> list[Call]:
        calls = [make_call() for _ in range(count)]
        for call in calls:
            call.headers = headers
            assert isinstance(await tracing(call, answering(completion())), Completion)
        return calls

    return asyncio.run(ask_all())


def tracing_at(ratio: float) -> Tracing:
    return Tracing(Settings(otlp_endpoint="http://127.0.0.1:4318", trace_sample_ratio=ratio))


def sampled(calls: list[Call]) -> int:
    return sum(trace.sampled for call in calls if (trace := trace_of(call)))


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 1.0])
def test_the_share_of_traces_that_is_kept_is_the_ratio(ratio: float) -> None:
    random.seed(5)
    calls = ask(tracing_at(ratio), 2000)
    assert sampled(calls) == pytest.approx(2000 * ratio, abs=60 if 0 < ratio < 1 else 0)
    assert len({call.log_fields["trace_id"] for call in calls}) == 2000


@pytest.mark.parametrize(("flag", "kept"), [("01", 10), ("00", 0)])
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_the_callers_sampling_decision_is_kept(ratio: float, flag: str, kept: int) -> None:
    assert sampled(ask(tracing_at(ratio), 10, traceparent=f"00-{TRACE}-{SPAN}-{flag}")) == kept


def test_two_services_with_the_same_ratio_keep_the_same_traces() -> None:
    """The decision uses the lower 64 bits of the trace's id, as OpenTelemetry's TraceIdRatioBased does."""
    calls = ask(tracing_at(0.5), 100)
    for call in calls:
        trace = trace_of(call)
        assert trace
        assert trace.sampled == (int(trace.id, 16) & (2**64 - 1) < 2**63)
