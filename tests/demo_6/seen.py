"""The observability of a cluster in use: dashboard panels have data, and traces continue in the engine.

These tests run from test_demo_6.py, which has the cluster. `gateway` and the cluster send traces to the same receiver.
"""

import secrets
from pathlib import Path

import pytest

from tests.demo_6.deployed import Deployed
from tests.monitoring.questions import unanswered
from tests.waiting import wait_for
from workshop.grader.subject import Subject
from workshop.grader.traces import CLIENT, SERVER, Span, Trace
from workshop.serving_cluster import HAPROXY_METRICS_OFFSET, METRICS_OFFSET

VLLM_SPAN = "llm_request"
PATIENCE = 60.0  # seconds; vLLM sends its spans every second
LENGTH = 8  # tokens


def test_every_panel_on_the_engine_has_numbers_to_draw(
    cluster: Deployed, without_fallback: Subject, tmp_path: Path
) -> None:
    targets = {
        "ray": f"http://127.0.0.1:{cluster.port + METRICS_OFFSET}",
        "haproxy": f"http://127.0.0.1:{cluster.port + HAPROXY_METRICS_OFFSET}",
        "gateway": without_fallback.service.url,
    }
    assert unanswered(targets, tmp_path / "prometheus", lambda: ask(without_fallback, "01")) == []


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_one_trace_leads_from_the_gateway_into_vllm(without_fallback: Subject, streamed: bool) -> None:
    leads_into_vllm(without_fallback, streamed)


def leads_into_vllm(gateway: Subject, streamed: bool) -> None:
    trace_id = ask(gateway, "01", stream=streamed)
    trace = wait_for(lambda: reaching_vllm(gateway, trace_id), "vLLM's span is in the gateway's trace", PATIENCE)
    assert trace
    (span,) = of_vllm(trace)
    above = trace.above(span)
    assert [one.kind for one in (span, above[0], above[-1])] == [SERVER, CLIENT, SERVER]
    assert above[-1].name.endswith("/v1/chat/completions")
    assert 0 < span.attributes["gen_ai.usage.completion_tokens"] <= LENGTH
    assert span.duration_ms <= above[-1].duration_ms


def test_vllm_leaves_out_the_traces_that_the_gateway_leaves_out(without_fallback: Subject) -> None:
    left_out, told = ask(without_fallback, "00"), ask(without_fallback, "01")
    wait_for(lambda: reaching_vllm(without_fallback, told), "the trace of the later request", PATIENCE)
    assert without_fallback.traces.of(left_out, within=0) is None


def ask(gateway: Subject, flags: str, stream: bool = False) -> str:
    """Asks once and returns the id of the trace. Each prompt is different, so that no cache can answer."""
    trace_id = secrets.token_hex(16)
    headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"}
    document = {
        "messages": [{"role": "user", "content": f"What is a trace, such as {trace_id}?"}],
        "max_tokens": LENGTH,
        "stream": stream,
    }
    answer = gateway.service.post("/v1/chat/completions", document, headers=headers)
    assert answer.status == 200, answer.summary
    return trace_id


def reaching_vllm(gateway: Subject, trace_id: str) -> Trace | None:
    trace = gateway.traces.of(trace_id, within=0)
    return trace if trace and of_vllm(trace) and len(trace.of_kind(CLIENT)) == 1 else None


def of_vllm(trace: Trace) -> list[Span]:
    return [span for span in trace.spans if span.name == VLLM_SPAN]
