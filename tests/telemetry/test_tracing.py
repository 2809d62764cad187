"""The trace of a request: the service of demo 5, a collector that reads protobuf, and the embedded server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from secrets import token_hex
from typing import Any

import pytest

from shared.settings import BadSetting
from shared.telemetry.otlp_endpoint import read_endpoint
from tests.admitted import admitted
from tests.conformance.capture import Capture, capturing
from tests.leaving import asking
from tests.telemetry.collector import Collector, Trace, collector
from tests.waiting import wait_for
from workshop.grader.launch import SIMULATOR, ModelServer, embedded_server, started
from workshop.grader.service import Answer
from workshop.grader.stream import Stream
from workshop.grader.subject import Subject

BUILD = "demos.demo_5_observability.app:build"
CHAT = f"chat {SIMULATOR}"
SPAN = "00f067aa0ba902b7"
SECRET = "xyzzy-plugh"  # it is in prompts, and must be nowhere else

UNBOUNDED = {
    "RATE_LIMIT_ANONYMOUS_RPM": "1000000",
    "RATE_LIMIT_RPM": "1000000",
    "RATE_LIMIT_TPM": "100000000",
    "TIMEOUT": "100",
    "TIMEOUT_MAX": "100",
    "RETRY_DELAY": "0.05",
    "MAX_RETRIES": "2",
    "RETRY_BUDGET_RESERVE": "1000",
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000",
    "CIRCUIT_BREAKER_MIN_SUCCESS_RATE": "0",
}


@dataclass
class Traced:
    """The service and its trace collector. `capture` is another upstream, which records what it receives."""

    subject: Subject
    collector: Collector
    capture: Capture

    def ask(self, prompt: str = SECRET, *, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        return self.subject.ask(prompt, headers=headers, **more)

    def stream(self, enough: Callable[[Stream], bool] = lambda stream: False) -> Answer:
        """A stream, read to its end or until `enough` is true."""
        document = {"prompt": SECRET, "max_tokens": 20, "model": SIMULATOR}
        with self.subject.service.stream("/generate/stream", document) as stream:
            stream.read(enough)
            return stream.answer

    def trace_id(self, answer: Answer) -> str:
        trace_id: str = self.subject.log.lines_of(answer)[0]["trace_id"]
        return trace_id

    def trace(self, answer: Answer) -> Trace:
        return self.collector.trace(self.trace_id(answer))

    def layers(self) -> list[str]:
        """The traced layers: those after Tracing in the service's own list."""
        names = [layer["name"] for layer in self.subject.service.get("/").json["layers"]]
        return names[names.index("Tracing") + 1 :]


@contextmanager
def traced(server: ModelServer, **environment: str) -> Iterator[Traced]:
    with collector() as receiver, capturing() as capture:
        settings = {**UNBOUNDED, "OTLP_ENDPOINT": receiver.url, "FALLBACKS": f"other@{capture.url}/v1", **environment}
        with started(BUILD, server, settings) as subject:
            yield Traced(subject, receiver, capture)


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with embedded_server() as server:
        yield server


@pytest.fixture(scope="module")
def all_kept(server: ModelServer) -> Iterator[Traced]:
    with traced(server, TRACE_SAMPLE_RATIO="1") as service:
        yield service


@pytest.fixture(scope="module")
def none_kept(server: ModelServer) -> Iterator[Traced]:
    with traced(server, TRACE_SAMPLE_RATIO="0", UVICORN_WORKERS="2", MAX_RETRIES="1", FALLBACKS="") as service:
        yield service


def called_from(trace_id: str, *, kept: bool) -> dict[str, str]:
    """The headers of a caller whose span is SPAN."""
    return {"traceparent": f"00-{trace_id}-{SPAN}-{'01' if kept else '00'}"}


# --- one trace per request -----------------------------------------------------------------------------------------


def test_each_layer_is_a_span_inside_the_one_before_it_and_the_upstream_is_innermost(all_kept: Traced) -> None:
    trace = all_kept.trace(all_kept.ask())

    line = [trace.root]
    while inside := trace.under(line[-1]):
        line += inside
    assert [span.name for span in line] == ["POST /generate", *all_kept.layers(), CHAT]
    assert [span.kind for span in line] == ["SERVER", *["INTERNAL"] * len(all_kept.layers()), "CLIENT"]
    assert all(o.started <= i.started and i.ended <= o.ended for o, i in pairwise(line))
    assert not any(span.failed for span in line)


def test_the_root_span_has_the_http_facts_and_the_ending(all_kept: Traced) -> None:
    answer = all_kept.ask()
    said = all_kept.trace(answer).root.attributes
    assert said["http.request.method"] == "POST"
    assert said["http.route"] == said["url.path"] == "/generate"
    assert said["http.response.status_code"] == 200
    assert f"http://{said['server.address']}:{said['server.port']}" == all_kept.subject.service.url
    assert said["client.address"] == "127.0.0.1"
    assert said["gateway.request_id"] == answer.json["request_id"]
    assert said["gateway.outcome"] == "finished"
    assert said["gateway.cost_usd"] == answer.json["metadata"]["cost_usd"]


def test_the_client_span_has_the_model_and_its_usage(all_kept: Traced, server: ModelServer) -> None:
    answer = all_kept.ask(temperature=0.5)
    said = all_kept.trace(answer).client.attributes
    tokens = answer.json["metadata"]["tokens"]
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "openai"
    assert said["gen_ai.request.model"] == said["gen_ai.response.model"] == SIMULATOR
    assert (said["gen_ai.request.max_tokens"], said["gen_ai.request.temperature"]) == (16, 0.5)
    assert said["gen_ai.usage.input_tokens"] == tokens["input"]
    assert said["gen_ai.usage.output_tokens"] == tokens["output"]
    assert said["gen_ai.response.finish_reasons"] == ["length"]
    assert f"http://{said['server.address']}:{said['server.port']}" == server.url


def test_an_answer_from_the_cache_has_no_client_span(all_kept: Traced) -> None:
    first, second = [all_kept.trace(all_kept.ask(f"{SECRET} kept", temperature=0)) for _ in range(2)]
    assert first.root.attributes["gateway.cache"] == "miss"
    assert len(first.kind("CLIENT")) == 1
    assert second.root.attributes["gateway.cache"] == "hit"
    assert not second.kind("CLIENT")
    assert not second.named("Retry")


def test_a_call_that_shares_an_answer_is_linked_to_its_upstream_call(all_kept: Traced) -> None:
    subject = all_kept.subject
    let_in = admitted(subject.service)
    with subject.upstream.held() as gate, ThreadPoolExecutor(2) as people:
        asked = [people.submit(all_kept.ask, f"{SECRET} shared", temperature=0) for _ in range(2)]
        gate.wait_for(1)
        wait_for(lambda: admitted(subject.service) == let_in + 2, "both wait for the one answer")
        gate.release()
        traces = [all_kept.trace(one.result()) for one in asked]
    paying, sharing = sorted(traces, key=lambda trace: len(trace.spans), reverse=True)
    assert paying.root.attributes["gateway.cache"] == "miss"
    assert sharing.root.attributes["gateway.cache"] == "coalesced"
    assert not sharing.kind("CLIENT")
    assert sharing.root.links == [(paying.client.trace_id, paying.client.span_id)]


def test_a_request_that_is_refused_is_traced_as_far_as_it_came(all_kept: Traced) -> None:
    trace = all_kept.trace(all_kept.ask(" "))
    assert trace.root.attributes["http.response.status_code"] == 422
    assert not trace.root.failed, "a client's mistake is not a failure of the server"
    assert [span.name for span in trace.spans if span.failed] == all_kept.layers()[
        : all_kept.layers().index("InputGuard") + 1
    ]
    assert not trace.kind("CLIENT")


def test_every_prompt_of_a_batch_is_a_part_of_one_trace(all_kept: Traced) -> None:
    answer = all_kept.subject.service.post("/generate/batch", {"prompts": [SECRET, "", f"{SECRET} two"]})
    request_id = answer.json["request_id"]

    def whole() -> Trace | None:
        for trace in all_kept.collector.traces().values():
            if f"{request_id}.0" in [span.attributes.get("gateway.request_id") for span in trace.spans]:
                return trace if trace.kind("SERVER") else None
        return None

    trace = wait_for(whole, "the batch's trace")
    assert trace.root.name == "POST /generate/batch"
    assert trace.root.attributes["gateway.batch.size"] == 3
    assert trace.root.attributes["gateway.batch.failed"] == 1
    assert sorted(span.name for span in trace.under(trace.root)) == ["prompt 0", "prompt 1", "prompt 2"]
    assert len(trace.kind("CLIENT")) == 2
    assert len(trace.kind("SERVER")) == 1


# --- streams -------------------------------------------------------------------------------------------------------


def test_a_streams_spans_end_with_it_and_show_its_first_chunk(all_kept: Traced) -> None:
    answer = all_kept.stream()
    trace = all_kept.trace(answer)
    line = all_kept.subject.log.lines_of(answer)[0]
    client = trace.client
    first = client.attributes["gen_ai.response.time_to_first_chunk"]
    lasted = (client.ended - client.started) / 1e9
    assert 0 < first < lasted
    assert [name for name, _ in client.events] == ["try", "first_chunk"]
    assert client.ended == trace.root.ended
    assert lasted * 1000 < (trace.root.ended - trace.root.started) / 1e6 < line["latency_ms"] + 0.1, "the log rounds"
    [innermost] = trace.named("CircuitBreaker")
    assert innermost.ended < client.ended, "a layer's span ends when it passes the stream on"
    assert client.attributes["gen_ai.request.stream"] is True
    assert client.attributes["gen_ai.usage.output_tokens"] == line["tokens_output"] == 20
    assert client.attributes["gen_ai.response.finish_reasons"] == ["length"]


def test_a_stream_that_breaks_off_says_so(all_kept: Traced) -> None:
    with all_kept.subject.upstream.fault({"cut_after_tokens": 3}):
        trace = all_kept.trace(all_kept.stream())
    for span in (trace.root, trace.client):
        assert span.failed
        assert span.attributes["error.type"] == "upstream_unavailable"
    assert trace.root.attributes["gateway.outcome"] == "cut"
    assert trace.root.attributes["http.response.status_code"] == 200, "the status was sent before the stream broke"


def test_a_stream_whose_client_leaves_is_marked_and_not_a_failure(all_kept: Traced) -> None:
    with all_kept.subject.upstream.fault({"stall_after_tokens": 3}):
        trace = all_kept.trace(all_kept.stream(lambda stream: bool(stream.data)))
    assert trace.root.attributes["gateway.outcome"] == "left"
    assert not trace.root.failed
    assert not trace.client.failed


def test_a_client_that_leaves_before_the_first_token_has_no_status(all_kept: Traced) -> None:
    before = set(all_kept.collector.traces())
    with all_kept.subject.upstream.held() as gate:
        with asking(all_kept.subject.service.url, "/generate", {"prompt": SECRET, "max_tokens": 20}):
            gate.wait_for(1)
        gate.wait_for(0)

    def left() -> Trace | None:
        return next((trace for name, trace in all_kept.collector.traces().items() if name not in before), None)

    trace = wait_for(left, "the trace of the client that left")
    assert trace.root.attributes["gateway.outcome"] == "left"
    assert "http.response.status_code" not in trace.root.attributes
    [(_, tried)] = trace.client.events
    assert tried["error.type"] == "cancelled"
    assert trace.client.parent == trace.named("CircuitBreaker")[0].span_id


# --- retries and fallbacks -----------------------------------------------------------------------------------------


def test_one_client_span_is_over_all_retries_and_has_an_event_for_each_try(all_kept: Traced) -> None:
    with all_kept.subject.upstream.fault({"status": 503, "times": 2}):
        trace = all_kept.trace(all_kept.ask())
    client = trace.client
    tries = [said for name, said in client.events if name == "try"]
    assert [said["http.response.status_code"] for said in tries] == [503, 503, 200]
    assert [said["gateway.try.number"] for said in tries] == [1, 2, 3]
    assert tries[0]["gateway.try.wait_seconds"] == 0
    assert all(said["gateway.try.wait_seconds"] > 0 for said in tries[1:])
    assert tries[0]["error.type"] == "upstream_unavailable"
    assert not client.failed
    assert not trace.root.failed
    [retry] = trace.named("Retry")
    assert client.parent == retry.span_id
    assert [breaker.failed for breaker in trace.named("CircuitBreaker")] == [True, True, False]
    assert {breaker.parent for breaker in trace.named("CircuitBreaker")} == {retry.span_id}
    assert trace.root.attributes["gateway.retries"] == 2


def test_a_fallback_is_a_model_call_of_its_own_beside_the_one_that_failed(all_kept: Traced) -> None:
    with all_kept.subject.upstream.fault({"status": 500}):
        trace = all_kept.trace(all_kept.ask())
    lost, saved = trace.kind("CLIENT")
    assert (lost.name, lost.failed, len(lost.events)) == (CHAT, True, 3)
    assert lost.attributes["error.type"] == "upstream_error"
    assert "gen_ai.response.model" not in lost.attributes
    assert (saved.name, saved.failed) == ("chat other", False)
    assert saved.attributes["gen_ai.response.model"] == "captured-1"
    assert f"http://{saved.attributes['server.address']}:{saved.attributes['server.port']}" == all_kept.capture.url
    assert trace.root.attributes["gateway.fallback"].startswith("other@")
    assert not trace.root.failed


# --- traces of callers ---------------------------------------------------------------------------------------------


def test_an_incoming_trace_is_joined_and_passed_on_with_the_client_spans_id(all_kept: Traced) -> None:
    trace_id, state = token_hex(16), "rojo=00f067aa0ba902b7,congo=t61"
    all_kept.capture.calls.clear()
    with all_kept.subject.upstream.fault({"status": 500}):
        answer = all_kept.ask(headers={**called_from(trace_id, kept=True), "tracestate": state})
    trace = all_kept.trace(answer)
    assert all_kept.trace_id(answer) == trace.root.trace_id == trace_id
    assert trace.root.parent == SPAN
    assert {span.state for span in trace.spans} == {state}
    sent = all_kept.capture.only().headers
    assert sent["traceparent"] == f"00-{trace_id}-{trace.named('chat other')[0].span_id}-01"
    assert sent["tracestate"] == state


def test_a_malformed_incoming_trace_is_ignored(all_kept: Traced) -> None:
    answer = all_kept.ask(headers={"traceparent": f"00-{'0' * 32}-{SPAN}-01", "tracestate": "a=1"})
    root = all_kept.trace(answer).root
    assert root.parent == ""
    assert root.state == ""
    assert root.trace_id.strip("0")


def test_a_trace_that_the_caller_drops_is_dropped_here_and_passed_on(all_kept: Traced) -> None:
    trace_id = token_hex(16)
    all_kept.capture.calls.clear()
    with all_kept.subject.upstream.fault({"status": 500}):
        assert all_kept.ask(headers=called_from(trace_id, kept=False)).status == 200
    sent = all_kept.capture.only().headers["traceparent"]
    assert (sent[:36], sent[-3:]) == (f"00-{trace_id}-", "-00")
    all_kept.trace(all_kept.ask())  # a later trace has arrived
    assert trace_id not in all_kept.collector.traces()


# --- sampling ------------------------------------------------------------------------------------------------------


def test_failures_that_are_not_sampled_keep_their_root_and_client_spans(none_kept: Traced) -> None:
    well = none_kept.ask()
    with none_kept.subject.upstream.fault({"status": 500}):
        failed = none_kept.ask()
    with none_kept.subject.upstream.fault({"cut_after_tokens": 3}):
        cut = none_kept.stream()
    refused = none_kept.ask(" ")

    for answer, error in ((failed, "upstream_error"), (cut, "upstream_unavailable")):
        trace = none_kept.trace(answer)
        assert sorted(span.kind for span in trace.spans) == ["CLIENT", "SERVER"]
        assert all(span.failed and span.attributes["error.type"] == error for span in trace.spans)
        assert trace.client.parent == trace.root.span_id
    assert len(none_kept.trace(failed).client.events) == 2
    assert not {none_kept.trace_id(well), none_kept.trace_id(refused)} & set(none_kept.collector.traces())


def test_a_trace_that_the_caller_keeps_is_kept_whatever_the_ratio(none_kept: Traced) -> None:
    trace = none_kept.trace(none_kept.ask(headers=called_from(token_hex(16), kept=True)))
    assert trace.root.parent == SPAN
    assert trace.named("Retry")


def test_every_worker_sends_its_own_traces(none_kept: Traced) -> None:
    def two_workers() -> bool:
        with none_kept.subject.upstream.fault({"status": 500}), ThreadPoolExecutor(8) as people:
            answers = list(people.map(lambda _: none_kept.ask(), range(16)))
        traces = [none_kept.trace(answer) for answer in answers]
        return len({trace.root.instance for trace in traces}) == 2

    wait_for(two_workers, "traces of both workers")


def test_no_span_contains_text_of_a_prompt_an_answer_or_an_error(all_kept: Traced, none_kept: Traced) -> None:
    for service in (all_kept, none_kept):
        service.subject.service.post("/v1/chat/completions", {"messages": [{"role": "user", "content": SECRET}]})
        with service.subject.upstream.fault({"status": 400}):
            service.trace(service.ask(headers=called_from(token_hex(16), kept=True)))
        sent = b"".join(service.collector.bodies)
        for word in (SECRET, "SIMULATED", "the upstream"):
            assert word.encode() not in sent


# --- tracing off ---------------------------------------------------------------------------------------------------


def test_without_an_endpoint_there_is_no_layer_and_nothing_is_loaded() -> None:
    program = (
        "import sys; from demos.demo_5_observability.app import build; from shared.settings import Settings;"
        "build(Settings(_env_file=None)); print([name for name in sys.modules if 'opentelemetry.proto' in name])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("settings", [{}, {"OTLP_ENDPOINT": "http://127.0.0.1:9", "ENABLE_TRACING": "false"}])
def test_when_tracing_is_off_calls_have_no_trace(server: ModelServer, settings: dict[str, str]) -> None:
    with started(BUILD, server, {**UNBOUNDED, **settings}) as subject:
        assert "Tracing" not in subject.service.get("/").text
        line = subject.log.lines_of(subject.answered("Hola", headers=called_from(token_hex(16), kept=True)))[0]
        assert "trace_id" not in line


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("collector:4318", "must start with http:// or https://, and a host"),
        ("http://", "must start with http:// or https://, and a host"),
        ("http://host:99999999", "cannot be read"),
        ("http://ana:hunter2@host/?a=b", "must not have a ? or a #; a base URL ends with its path"),
    ],
)
def test_a_malformed_endpoint_is_one_line_without_the_password(given: str, reason: str) -> None:
    with pytest.raises(BadSetting) as wrong:
        read_endpoint(given)
    assert str(wrong.value) == f"OTLP_ENDPOINT: {reason}"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://host:4318", "http://host:4318/v1/traces"),
        ("http://host:4318/", "http://host:4318/v1/traces"),
        ("https://host/otlp", "https://host/otlp/v1/traces"),
        ("http://host:4318/v1/traces", "http://host:4318/v1/traces"),
        ("http://host:4318/v1/traces/", "http://host:4318/v1/traces"),
    ],
)
def test_traces_go_to_the_standard_path_under_the_endpoint(given: str, url: str) -> None:
    assert str(read_endpoint(given)) == url
