"""Every fault switch does what its name says, and only to chat calls."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import Stopwatch, wait_for

if TYPE_CHECKING:
    from tests.serving.conftest import Launch, LocalServer

MODEL = "workshop-sim"
BODY = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hi"}]})
STREAM = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True})


def post(server: LocalServer, body: str = BODY, timeout: float = 60) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    return connection.getresponse()


def read_to_the_break(answer: http.client.HTTPResponse) -> bytes:
    """The bytes that arrived before the connection died."""
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    return caught.value.partial


def contents(events: bytes) -> list[str]:
    frames = [json.loads(line[6:]) for line in events.decode().split("\n") if line.startswith("data: {")]
    return [text for frame in frames if (text := frame["choices"][0]["delta"].get("content"))]


def test_latency_is_added_before_the_first_byte(sim: LocalServer) -> None:
    sim.break_with(latency_ms=300)
    start, stopwatch = time.perf_counter(), Stopwatch(sim.process.pid)
    assert sim.chat(MODEL)[0] == 200
    assert time.perf_counter() - start >= 0.3
    assert stopwatch.seconds < 2


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_status_is_answered_in_openais_error_shape(sim: LocalServer, status: int) -> None:
    sim.break_with(status=status)
    seen, _, body = sim.chat(MODEL)
    assert seen == status
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


def test_a_status_brings_retry_after_and_other_headers(sim: LocalServer) -> None:
    sim.break_with(status=429, retry_after=1.5, headers={"x-ratelimit-remaining-requests": "0"})
    _, headers, body = sim.chat(MODEL)
    assert headers["retry-after"] == "1.5"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert json.loads(body)["error"]["code"] == "rate_limit_exceeded"


def test_times_bounds_how_many_calls_are_hit(sim: LocalServer) -> None:
    sim.break_with(status=503, times=2)
    assert [sim.chat(MODEL)[0] for _ in range(4)] == [503, 503, 200, 200]
    assert sim.json("GET", "/admin/faults") == {"sequence": [], "applied": 2, "held": 0}


def test_without_times_a_fault_lasts_until_it_is_taken_away(sim: LocalServer) -> None:
    sim.break_with(status=500)
    assert [sim.chat(MODEL)[0] for _ in range(5)] == [500] * 5
    assert sim.json("DELETE", "/admin/faults")["sequence"] == []
    assert sim.chat(MODEL)[0] == 200


def test_a_rate_hits_that_share_of_the_calls_the_same_ones_every_time(sim: LocalServer) -> None:
    runs = []
    for _ in range(2):
        sim.break_with(status=500, rate=0.3, seed=4)
        runs.append([sim.chat(MODEL, max_tokens=1)[0] for _ in range(60)])
    assert runs[0] == runs[1]
    assert 9 <= runs[0].count(500) <= 27


def test_a_mix_hits_each_call_with_one_of_its_faults_or_none_in_their_shares(sim: LocalServer) -> None:
    runs = []
    for _ in range(2):
        sim.break_with(mix=[{"status": 500, "rate": 0.3}, {"status": 429, "rate": 0.2, "retry_after": 1}], seed=4)
        runs.append([sim.chat(MODEL, max_tokens=1)[0] for _ in range(100)])
    assert runs[0] == runs[1]
    assert 15 <= runs[0].count(500) <= 45
    assert 10 <= runs[0].count(429) <= 30
    assert runs[0].count(200) == 100 - runs[0].count(500) - runs[0].count(429)


def test_the_calls_that_a_mix_spares_do_not_count_against_its_times(sim: LocalServer) -> None:
    sim.break_with(sequence=[{"mix": [{"status": 500, "rate": 0.5}], "times": 5}, {"status": 503, "times": 1}])
    seen = [sim.chat(MODEL, max_tokens=1)[0] for _ in range(40)]
    assert (seen.count(500), seen.count(503)) == (5, 1)
    assert seen.index(503) > max(place for place, status in enumerate(seen) if status == 500)


def test_a_sequence_plays_its_faults_one_after_another(sim: LocalServer) -> None:
    sequence = [{"status": 429, "times": 2, "retry_after": 1}, {"garbage": "text", "times": 1}, {"status": 500}]
    sim.break_with(sequence=sequence)
    assert [sim.chat(MODEL)[0] for _ in range(5)] == [429, 429, 200, 500, 500]


def test_a_hang_never_answers_and_ends_when_the_client_leaves(sim: LocalServer) -> None:
    sim.break_with(hang=True)
    with pytest.raises(TimeoutError):
        post(sim, timeout=0.5)
    last = sim.wait_for_calls(cancelled=1, in_flight=0)["last"][-1]
    assert (last["fault"], last["outcome"]) == ("hang", "cancelled")


def test_a_refused_connection_is_refused_by_the_kernel_and_the_port_opens_again(sim: LocalServer) -> None:
    pooled = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=60)
    pooled.request("GET", "/health")
    assert pooled.getresponse().read()
    sim.break_with(refuse_s=1)
    shut_at = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sim.port), timeout=1).close()
    assert pooled.sock.recv(1) == b"", "the idle connection is still open"

    def open_again() -> bool:
        try:
            return sim.chat(MODEL)[0] == 200
        except OSError:
            return False

    wait_for(open_again)
    assert time.monotonic() - shut_at > 0.8


def test_a_reset_kills_the_connection_without_an_answer(sim: LocalServer) -> None:
    sim.break_with(reset=True)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sim.port), timeout=60) as connection:
        connection.sendall((head + BODY).encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert sim.wait_for_calls(failed=1)["last"][-1]["fault"] == "reset"


@pytest.mark.parametrize("tokens", [0, 1, 4])
def test_a_cut_stream_dies_after_that_many_tokens_without_done(sim: LocalServer, tokens: int) -> None:
    sim.break_with(cut_after_tokens=tokens)
    answer = post(sim, STREAM)
    assert answer.status == 200
    events = read_to_the_break(answer)
    assert len(contents(events)) == tokens
    assert b"[DONE]" not in events
    assert sim.wait_for_calls(failed=1, in_flight=0)["last"][-1]["outcome"] == "failed"


def test_a_cut_also_hits_an_answer_that_is_shorter(sim: LocalServer) -> None:
    sim.break_with(cut_after_tokens=1000)
    assert b"[DONE]" not in read_to_the_break(post(sim, STREAM))


def test_a_cut_answer_promises_more_bytes_than_it_sends(sim: LocalServer) -> None:
    sim.break_with(cut_after_tokens=2)
    answer = post(sim)
    promised = int(answer.headers["content-length"])
    assert 0 < len(read_to_the_break(answer)) < promised


def test_a_stalled_stream_goes_silent_and_stays_open(sim: LocalServer) -> None:
    sim.break_with(stall_after_tokens=3)
    connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=60)
    connection.request("POST", "/v1/chat/completions", STREAM, {"Content-Type": "application/json"})
    answer, events = connection.getresponse(), b""
    while len(contents(events)) < 3:
        events += answer.readline()
    assert answer.readline() == b"\n"  # the end of the third event
    connection.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        answer.read(1)
    answer.close()
    connection.close()
    assert sim.wait_for_calls(cancelled=1, in_flight=0)["last"][-1]["fault"] == "stall_after_tokens"


@pytest.mark.parametrize("kind", ["text", "json", "truncated", "empty", "wrong-shape"])
@pytest.mark.parametrize("body", [BODY, STREAM])
def test_garbage_is_a_200_that_no_client_can_use(sim: LocalServer, kind: str, body: str) -> None:
    sim.break_with(garbage=kind)
    answer = post(sim, body)
    data = answer.read()
    assert answer.status == 200
    frame = data.split(b"data: ")[1] if b"data: " in data else data
    with pytest.raises((ValueError, KeyError, TypeError)):
        json.loads(frame)["choices"][0]["index"]


@pytest.fixture
def people() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as people:
        yield people


def held(server: LocalServer) -> int:
    return int(server.json("GET", "/admin/faults")["held"])


def ask(people: ThreadPoolExecutor, server: LocalServer, body: str = BODY) -> Future[http.client.HTTPResponse]:
    """Returns as soon as one more call is held."""
    before = held(server)
    asked = people.submit(post, server, body, 60)
    wait_for(lambda: held(server) == before + 1)
    return asked


def test_held_calls_are_in_flight_until_they_are_released(sim: LocalServer, people: ThreadPoolExecutor) -> None:
    sim.break_with(hold=True)
    asked = [ask(people, sim) for _ in range(3)]
    seen = sim.calls()
    assert (seen["in_flight"], seen["finished"]) == (3, 0)
    assert [(call["fault"], call["outcome"]) for call in seen["last"]] == [("hold", "in_flight")] * 3
    assert sim.json("PUT", "/admin/release") == {
        "released": 3,
        "sequence": [{"hold": True}],
        "applied": 3,
        "held": 0,
    }
    assert [answer.result().status for answer in asked] == [200] * 3
    assert sim.wait_for_calls(finished=3, in_flight=0)["failed"] == 0


def test_a_release_lets_held_calls_go_and_holds_later_ones(sim: LocalServer, people: ThreadPoolExecutor) -> None:
    sim.break_with(hold=True)
    first = ask(people, sim)
    sim.request("PUT", "/admin/release")
    assert first.result().status == 200
    second = ask(people, sim)
    assert not second.done()
    sim.request("PUT", "/admin/release")
    assert second.result().status == 200


def test_calls_are_released_in_order_of_arrival(sim: LocalServer, people: ThreadPoolExecutor) -> None:
    sim.break_with(hold=True)
    asked = [ask(people, sim) for _ in range(4)]
    for place, first in enumerate(asked):
        assert sim.json("PUT", "/admin/release", {"calls": 1})["held"] == 3 - place
        assert first.result().status == 200
        assert not any(other.done() for other in asked[place + 1 :])


@pytest.mark.parametrize("change", [("DELETE", None), ("PUT", {"status": 503}), ("PUT", {"hold": True})])
def test_a_new_plan_or_none_releases_the_calls_of_the_old_one(
    sim: LocalServer, people: ThreadPoolExecutor, change: tuple[str, dict[str, Any] | None]
) -> None:
    sim.break_with(hold=True)
    asked = ask(people, sim)
    method, plan = change
    assert sim.json(method, "/admin/faults", plan)["held"] == 0
    assert asked.result().status == 200


def test_a_bad_plan_releases_no_call(sim: LocalServer, people: ThreadPoolExecutor) -> None:
    sim.break_with(hold=True)
    asked = ask(people, sim)
    assert sim.request("PUT", "/admin/faults", {"status": 1})[0] == 422
    assert held(sim) == 1
    sim.request("DELETE", "/admin/faults")
    assert asked.result().status == 200


def test_a_caller_that_leaves_is_no_longer_held(sim: LocalServer) -> None:
    sim.break_with(hold=True)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", sim.port), timeout=60) as connection:
        connection.sendall((head + BODY).encode())
        wait_for(lambda: held(sim) == 1)
    wait_for(lambda: held(sim) == 0)
    assert sim.wait_for_calls(cancelled=1, in_flight=0)["last"][-1]["fault"] == "hold"


def test_a_hold_can_be_combined_with_other_faults_and_with_times(sim: LocalServer, people: ThreadPoolExecutor) -> None:
    sim.break_with(sequence=[{"hold": True, "status": 503, "times": 1}, {"status": 429, "times": 1}])
    asked = ask(people, sim)
    assert [sim.chat(MODEL)[0] for _ in range(2)] == [429, 200]
    sim.request("PUT", "/admin/release")
    assert asked.result().status == 503


@pytest.mark.parametrize("tokens", [0, 3])
def test_a_stream_is_held_after_that_many_tokens_and_then_continues(sim: LocalServer, tokens: int) -> None:
    whole = contents(post(sim, STREAM).read())
    sim.break_with(hold_after_tokens=tokens)
    answer = post(sim, STREAM, timeout=60)
    wait_for(lambda: held(sim) == 1)
    assert sim.metric("vllm:num_requests_running", model_name=MODEL) == (1 if tokens else 0)
    got = b""
    while len(contents(got)) < tokens:
        got += answer.readline()
    assert sim.calls()["last"][-1]["completion_tokens"] == tokens
    sim.request("PUT", "/admin/release")
    got += answer.read()
    assert contents(got) == whole
    assert got.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("body", [BODY, STREAM])
def test_an_answer_that_is_shorter_is_held_before_its_end(
    sim: LocalServer, people: ThreadPoolExecutor, body: str
) -> None:
    sim.break_with(hold_after_tokens=1000)
    asked = ask(people, sim, body)
    wait_for(lambda: sim.calls()["last"][-1]["completion_tokens"] == 12)
    sim.request("PUT", "/admin/release")
    assert asked.result().read()
    assert sim.wait_for_calls(finished=1)["last"][-1]["fault"] == "hold_after_tokens"


@pytest.mark.parametrize("body", [b"2", b"[]", b'{"calls": 0}', b'{"calls": "all"}', b'{"call": 1}', b"{"])
def test_a_bad_release_is_a_422_that_says_what_is_right(sim: LocalServer, body: bytes) -> None:
    status, _, answer = sim.request("PUT", "/admin/release", body)
    assert status == 422
    assert '{"calls": 2}' in json.loads(answer)["error"]["message"]


def test_faults_spare_health_metrics_models_and_admin(sim: LocalServer) -> None:
    sim.break_with(status=500)
    for path in ("/health", "/metrics", "/v1/models", "/admin/faults", "/admin/calls"):
        assert sim.request("GET", path)[0] == 200


@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        ({}, "latency_ms"),
        ({"statuss": 500}, "no such fault"),
        ({"status": 200}, "greater than or equal to 400"),
        ({"status": 500, "hang": True}, "one way"),
        ({"retry_after": 1, "hang": True}, "go with a status"),
        ({"hold": True, "hold_after_tokens": 2}, "held once"),
        ({"hold": True, "refuse_s": 1}, "alone"),
        ({"hold": False}, "needs one of hold"),
        ({"rate": 2, "status": 500}, "less than or equal to 1"),
        ({"mix": []}, "at least 1"),
        ({"mix": [{"status": 500}]}, "needs a rate"),
        ({"mix": [{"status": 500, "rate": 0.5, "times": 2}]}, "needs a rate, and may not have times"),
        ({"mix": [{"status": 500, "rate": 0.6}, {"hang": True, "rate": 0.5}]}, "together at most 1"),
        ({"mix": [{"status": 500, "rate": 0.5}], "rate": 0.5}, "takes its rates from its faults"),
        ({"mix": [{"status": 500, "rate": 0.5}], "reset": True}, "one way"),
        ({"times": 0, "status": 500}, "greater than or equal to 1"),
        ({"garbage": "rubbish"}, "wrong-shape"),
        ({"refuse_s": 1, "times": 2}, "alone"),
        ({"status": 500, "headers": {"x": "a\r\nb"}}, "ASCII"),
        ({"sequence": [{"status": 500}, {"hang": True}]}, "times"),
        ({"sequence": []}, "at least 1"),
    ],
)
def test_a_bad_fault_is_a_422_that_says_what_is_right(sim: LocalServer, fault: dict[str, Any], hint: str) -> None:
    status, _, body = sim.request("PUT", "/admin/faults", fault)
    assert status == 422
    assert hint in json.loads(body)["error"]["message"]
    assert sim.chat(MODEL)[0] == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{not json"])
def test_faults_that_are_not_a_json_object_are_a_422(sim: LocalServer, body: bytes) -> None:
    assert sim.request("PUT", "/admin/faults", body)[0] == 422


def test_faults_can_be_set_from_the_environment(launch: Launch) -> None:
    server = launch("--models", MODEL, LOCAL_FAULTS='{"status": 429, "times": 1}')
    assert [server.chat(MODEL)[0] for _ in range(2)] == [429, 200]


def test_the_register_counts_every_call_once_and_can_be_wiped(sim: LocalServer) -> None:
    sim.chat(MODEL)
    sim.chat("nobody")
    sim.break_with(status=500, times=1)
    sim.chat(MODEL)
    seen = sim.wait_for_calls(in_flight=0, received=3)
    assert (seen["finished"], seen["failed"], seen["cancelled"]) == (1, 2, 0)
    assert [call["status"] for call in seen["last"]] == [200, 404, 500]
    assert sim.json("DELETE", "/admin/calls")["received"] == 0


def test_the_register_keeps_the_last_hundred_calls(sim: LocalServer) -> None:
    for number in range(103):
        sim.chat(MODEL, max_tokens=1 + number % 5)
    seen = sim.wait_for_calls(finished=103)
    assert len(seen["last"]) == 100


def test_added_latency_does_not_make_a_good_answer_a_failure(sim: LocalServer) -> None:
    sim.break_with(latency_ms=1)
    sim.chat(MODEL)
    assert sim.wait_for_calls(finished=1)["last"][-1]["fault"] == "latency_ms"


def test_a_fragmented_answer_is_the_same_answer_in_pieces(sim: LocalServer) -> None:
    said = json.loads(sim.chat(MODEL, "hi")[2])["choices"][0]["message"]["content"]
    sim.break_with(fragment_bytes=11)
    assert json.loads(sim.chat(MODEL, "hi")[2])["choices"][0]["message"]["content"] == said
    answer = post(sim, STREAM)
    first = answer.read1()
    assert len(first) % 11 == 0
    assert "".join(contents(first + answer.read())) == said
    assert sim.wait_for_calls(finished=3)["last"][-1]["fault"] == "fragment_bytes"


def test_the_register_names_the_fields_that_this_server_does_not_know(sim: LocalServer) -> None:
    sim.chat(MODEL, top_k=3, seed=1, guided_regex="x")
    assert sim.wait_for_calls(finished=1)["last"][-1]["unknown_fields"] == ["guided_regex", "top_k"]
