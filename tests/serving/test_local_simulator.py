"""workshop-sim queues, waits and counts like a real engine, and says that it is a simulator."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from serving.local.simulator import Pace
from tests.waiting import Stopwatch, wait_for

if TYPE_CHECKING:
    from tests.serving.conftest import Launch, LocalServer

SIM = ("--models", "workshop-sim")
GRAIN = 0.005  # seconds that a timer may be early


def wait_until_running(server: LocalServer) -> None:
    server.wait_for_calls(in_flight=1)
    wait_for(lambda: server.metric("vllm:num_requests_running") > 0)


def timed(server: LocalServer, **fields: Any) -> float:
    start = time.perf_counter()
    status, _, body = server.chat("workshop-sim", **fields)
    assert status == 200, body
    return time.perf_counter() - start


def test_the_simulator_says_that_it_is_a_simulator(sim: LocalServer) -> None:
    for limit in (1, 12):
        text = json.loads(sim.chat("workshop-sim", max_tokens=limit)[2])["choices"][0]["message"]["content"]
        assert text.startswith("SIMULATED")


def test_tokens_are_words_and_marks_counted_the_same_in_and_out(sim: LocalServer) -> None:
    answer = json.loads(sim.chat("workshop-sim", "Hello, world! ¿Qué tal?", max_tokens=7)[2])
    assert answer["usage"] == {"prompt_tokens": 8, "completion_tokens": 7, "total_tokens": 15}
    assert len(answer["choices"][0]["message"]["content"].split()) == 7


def test_an_answer_is_as_long_as_asked_for_but_no_longer_than_the_simulated_one(sim: LocalServer) -> None:
    for asked, expected, reason in [(5, 5, "length"), (12, 12, "stop"), (500, 12, "stop")]:
        answer = json.loads(sim.chat("workshop-sim", max_tokens=asked)[2])
        assert answer["usage"]["completion_tokens"] == expected
        assert answer["choices"][0]["finish_reason"] == reason


def test_the_same_prompt_gets_the_same_answer_and_another_prompt_another(sim: LocalServer) -> None:
    def said(text: str) -> str:
        content: str = json.loads(sim.chat("workshop-sim", text)[2])["choices"][0]["message"]["content"]
        return content

    assert said("a") == said("a") != said("b")


def test_a_stop_string_ends_a_simulated_answer(sim: LocalServer) -> None:
    answer = json.loads(sim.chat("workshop-sim", stop="computed")[2])
    assert answer["choices"][0]["message"]["content"].endswith("was ")
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_an_answer_takes_its_time_to_first_token_and_its_time_per_token(launch: Launch) -> None:
    server = launch(*SIM, SIM_TTFT_MS="200", SIM_TPOT_MS="20", SIM_OUTPUT_TOKENS="11")
    for stream in (False, True):
        stopwatch = Stopwatch(server.process.pid)
        assert timed(server, stream=stream) > 0.39
        assert stopwatch.seconds < 0.8


def test_calls_beyond_the_slots_wait_their_turn(launch: Launch) -> None:
    server = launch(*SIM, SIM_SLOTS="2", SIM_TTFT_MS="800", SIM_TPOT_MS="0")
    began = time.perf_counter()
    with ThreadPoolExecutor(6) as pool:
        ended = sorted(pool.map(lambda _: timed(server) and time.perf_counter() - began, range(6)))
    # Three rounds of two: no pair ends before one, two and three times the service time.
    for pair, seconds in enumerate(ended[::2], start=1):
        assert seconds > 0.8 * pair - 0.01
    assert server.metric("vllm:request_queue_time_seconds_count") == 6
    assert server.metric("vllm:request_queue_time_seconds_sum") > 2 * 0.8 - 0.01


def test_the_metrics_show_running_and_waiting_calls(launch: Launch) -> None:
    server = launch(*SIM, SIM_SLOTS="2", SIM_TTFT_MS="0")
    server.break_with(hold_after_tokens=1)
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(timed, server, stream=True) for _ in range(5)]
        wait_for(lambda: server.metric("vllm:num_requests_running") == 2)
        wait_for(lambda: server.metric("vllm:num_requests_waiting") == 3)
        server.request("DELETE", "/admin/faults")
        assert all(call.result() for call in calls)


def test_a_full_queue_sheds_load_with_503_and_retry_after(launch: Launch) -> None:
    server = launch(*SIM, SIM_SLOTS="1", SIM_QUEUE_MAX="1", SIM_TTFT_MS="0")
    server.break_with(hold_after_tokens=1)
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(timed, server, stream=True) for _ in range(2)]
        wait_for(lambda: server.metric("vllm:num_requests_waiting") == 1)
        status, headers, body = server.chat("workshop-sim")
        assert (status, headers["retry-after"]) == (503, "1")
        assert json.loads(body)["error"]["code"] == "queue_full"
        server.request("DELETE", "/admin/faults")
        assert all(call.result() for call in calls)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_gives_its_slot_to_the_next(launch: Launch, stream: bool) -> None:
    server = launch(*SIM, SIM_SLOTS="1", SIM_TTFT_MS="0", SIM_TPOT_MS="60000", SIM_OUTPUT_TOKENS="1000")
    body = (
        b'{"model":"workshop-sim","messages":[{"role":"user","content":"x"}],"stream":%s}' % (b"false", b"true")[stream]
    )
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + body)
        wait_until_running(server)
    seen = server.wait_for_calls(cancelled=1, in_flight=0)
    assert seen["last"][-1]["outcome"] == "cancelled"
    assert timed(server, max_tokens=1)  # it would hold its slot for a thousand minutes


def test_jitter_spreads_the_times_and_a_seed_repeats_them(launch: Launch) -> None:
    pace, again, other = (Pace(0.1, 0.0, jitter=0.8, seed=seed) for seed in (7, 7, 8))
    factors = [pace.factors(call) or [] for call in range(1, 9)]
    assert factors == [again.factors(call) for call in range(1, 9)]
    assert factors != [other.factors(call) for call in range(1, 9)]
    assert max(map(max, factors)) > 3 * min(map(min, factors))
    server = launch(*SIM, SIM_TTFT_MS="100", SIM_TPOT_MS="0", SIM_JITTER="0.8", SIM_SEED="7")
    took = [timed(server, max_tokens=1) for _ in factors]
    # A busy machine may take longer, but none is early.
    assert all(seconds > 0.1 * of_call[0] - GRAIN for seconds, of_call in zip(took, factors, strict=True)), took


def test_a_simulated_context_overflows_too(launch: Launch) -> None:
    server = launch(*SIM, SIM_CONTEXT_TOKENS="16")
    status, _, body = server.chat("workshop-sim", "word " * 16)
    assert (status, json.loads(body)["error"]["code"]) == (400, "context_length_exceeded")
    assert json.loads(server.chat("workshop-sim", "word " * 15)[2])["usage"]["total_tokens"] == 16
