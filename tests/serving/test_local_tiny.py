"""workshop-tiny: real tokens, true counts, and a batch that requests join and leave without affecting the others."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.waiting import wait_for

if TYPE_CHECKING:
    from tests.serving.conftest import Launch, LocalServer

QUESTIONS = [
    "What is a timeout?",
    "¿Qué es una caché?",
    "Why do we retry?",
    "What does a circuit breaker do, and when should I use one?",
    "hello",
    "Explain streaming",
    "What is rate limiting?",
    "¿Para qué sirve Ray Serve?",
]
MODEL = "workshop-tiny"
STATES = ("running", "waiting")


def ask(server: LocalServer, text: str, **fields: Any) -> Any:
    status, _, body = server.chat(MODEL, text, **fields)
    assert status == 200, body
    return json.loads(body)


def text_of(answer: Any) -> str:
    content: str = answer["choices"][0]["message"]["content"]
    return content


def test_an_answer_is_the_same_streamed_and_whole(tiny: LocalServer) -> None:
    whole = ask(tiny, QUESTIONS[1], temperature=0, max_tokens=40)
    message: Any = [{"role": "user", "content": QUESTIONS[1]}]
    chunks = tiny.client().chat.completions.create(
        model=MODEL, messages=message, temperature=0, max_tokens=40, stream=True, stream_options={"include_usage": True}
    )
    text, usage = "", None
    for chunk in chunks:
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        usage = chunk.usage or usage
    assert text == text_of(whole)
    assert usage is not None
    assert usage.model_dump(exclude_none=True) == whole["usage"]


def test_max_tokens_cuts_the_answer_and_says_length(tiny: LocalServer) -> None:
    answer = ask(tiny, QUESTIONS[0], temperature=0, max_tokens=3)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


def test_the_prompt_is_counted_in_tokens_of_the_model(tiny: LocalServer) -> None:
    short = ask(tiny, "hello", max_tokens=1)["usage"]["prompt_tokens"]
    longer = ask(tiny, "hello hello hello hello", max_tokens=1)["usage"]["prompt_tokens"]
    assert 1 < short < longer


def streamed_text(server: LocalServer, text: str, **fields: Any) -> str:
    _, _, events = server.chat(MODEL, text, stream=True, **fields)
    frames = [json.loads(line[6:]) for line in events.decode().split("\n") if line.startswith("data: {")]
    return "".join(frame["choices"][0]["delta"].get("content", "") for frame in frames)


@pytest.mark.parametrize("length", [1, 3, 9, 17])
def test_a_stop_string_ends_the_answer_before_it_and_is_never_sent(tiny: LocalServer, length: int) -> None:
    full = text_of(ask(tiny, QUESTIONS[0], temperature=0, max_tokens=40))
    stop = full[len(full) // 2 :][:length]
    expected = full[: full.index(stop)]
    answer = ask(tiny, QUESTIONS[0], temperature=0, max_tokens=40, stop=[stop, "\x01never\x01"])
    assert text_of(answer) == expected
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert streamed_text(tiny, QUESTIONS[0], temperature=0, max_tokens=40, stop=stop) == expected


def test_text_that_only_begins_like_a_stop_string_is_sent_in_full(tiny: LocalServer) -> None:
    full = text_of(ask(tiny, QUESTIONS[0], temperature=0, max_tokens=40))
    stop = full[-4:] + "and more"
    assert text_of(ask(tiny, QUESTIONS[0], temperature=0, max_tokens=40, stop=stop)) == full
    assert streamed_text(tiny, QUESTIONS[0], temperature=0, max_tokens=40, stop=stop) == full


def test_a_seed_makes_a_sampled_answer_repeatable_and_another_seed_changes_it(tiny: LocalServer) -> None:
    answers = [text_of(ask(tiny, QUESTIONS[0], temperature=2, seed=seed, max_tokens=40)) for seed in (1, 1, 2, 3)]
    assert answers[0] == answers[1]
    assert len(set(answers)) > 1


def test_a_tiny_top_p_is_as_good_as_no_sampling(tiny: LocalServer) -> None:
    greedy = text_of(ask(tiny, QUESTIONS[0], temperature=0, max_tokens=30))
    narrow = {text_of(ask(tiny, QUESTIONS[0], temperature=2, top_p=1e-6, seed=n, max_tokens=30)) for n in range(5)}
    wide = {text_of(ask(tiny, QUESTIONS[0], temperature=2, top_p=1, seed=n, max_tokens=30)) for n in range(5)}
    assert narrow == {greedy}
    assert wide != {greedy}


def test_requests_are_batched_and_each_gets_the_same_answer_as_alone(launch: Launch) -> None:
    server = launch("--models", MODEL)
    alone = [text_of(ask(server, text, temperature=0, max_tokens=60)) for text in QUESTIONS]
    steps = server.metric("engine_batch_size_bucket", le="1.0")
    assert steps == server.metric("engine_batch_size_count")
    with ThreadPoolExecutor(32) as pool:
        together = list(
            pool.map(lambda i: text_of(ask(server, QUESTIONS[i % 8], temperature=0, max_tokens=60)), range(64))
        )
    assert together == alone * 8
    crowded = server.metric("engine_batch_size_count") - server.metric("engine_batch_size_bucket", le="4.0")
    assert crowded > 0


def test_a_seeded_answer_is_the_same_alone_and_in_a_crowd(tiny: LocalServer) -> None:
    fields = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 40}
    alone = [text_of(ask(tiny, text, seed=i, **fields)) for i, text in enumerate(QUESTIONS)]
    with ThreadPoolExecutor(8) as pool:
        crowd = list(pool.map(lambda i: text_of(ask(tiny, QUESTIONS[i], seed=i, **fields)), range(8)))
    assert crowd == alone


def test_a_batch_never_grows_over_its_limit(launch: Launch) -> None:
    server = launch("--models", MODEL, "--batch-max-size", "2")
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda i: ask(server, QUESTIONS[i % 8], temperature=0, max_tokens=30), range(24)))
    assert server.metric("engine_batch_size_bucket", le="2.0") == server.metric("engine_batch_size_count")


def test_a_prompt_over_the_context_is_a_400_context_length_exceeded(tiny: LocalServer) -> None:
    context = tiny.json("GET", "/v1/models")["data"][0]["max_model_len"]
    for words in (context, 100_000):
        with pytest.raises(openai.BadRequestError) as caught:
            tiny.client().chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * words}])
        assert caught.value.code == "context_length_exceeded"
        assert "maximum context length is" in caught.value.message


def test_max_tokens_beyond_the_context_are_reduced_to_it(tiny: LocalServer) -> None:
    answer = ask(tiny, "hello", max_tokens=100_000, temperature=0)
    context = tiny.json("GET", "/v1/models")["data"][0]["max_model_len"]
    assert answer["usage"]["total_tokens"] <= context


def test_an_answer_that_fills_the_context_ends_with_length(tiny: LocalServer) -> None:
    answer = ask(tiny, "hello", temperature=2, top_p=1, seed=1, max_tokens=100_000)
    context = tiny.json("GET", "/v1/models")["data"][0]["max_model_len"]
    if answer["choices"][0]["finish_reason"] == "length":
        assert answer["usage"]["total_tokens"] == context
    else:
        assert answer["usage"]["total_tokens"] <= context


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_place_in_the_batch(tiny: LocalServer, stream: bool) -> None:
    # Many calls at once, so that none of them ends before the client leaves.
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], "temperature": 2, "stream": stream}
    connections = [http.client.HTTPConnection("127.0.0.1", tiny.port) for _ in range(48)]
    before = tiny.metric("vllm:generation_tokens_total", model_name=MODEL)
    for connection in connections:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    for connection in connections:
        connection.close()
    seen = tiny.wait_for_calls(in_flight=0)
    assert seen["cancelled"] > 0
    assert seen["received"] == seen["finished"] + seen["failed"] + seen["cancelled"]
    # The server knows that they left; the engine's thread notices before its next step, as soon as it gets a core.
    wait_for(lambda: all(tiny.metric(f"vllm:num_requests_{state}", model_name=MODEL) == 0 for state in STATES))
    made = tiny.metric("vllm:generation_tokens_total", model_name=MODEL) - before
    context = tiny.json("GET", "/v1/models")["data"][0]["max_model_len"]
    assert made < 48 * context / 2
    assert text_of(ask(tiny, "hello", max_tokens=2))


def test_the_server_answers_others_while_a_long_prompt_is_read(tiny: LocalServer) -> None:
    with ThreadPoolExecutor(4) as pool:
        long = [pool.submit(tiny.chat, MODEL, "x " * 200_000) for _ in range(3)]
        assert ask(tiny, "hello", max_tokens=2)["usage"]["completion_tokens"] <= 2
        assert {call.result()[0] for call in long} == {400}
