"""The embedded server speaks OpenAI's chat API, as OpenAI's own client sees it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from tests.serving.conftest import Launch, LocalServer

ASK: list[Any] = [{"role": "user", "content": "What is a timeout?"}]


def test_a_completion_has_the_shape_that_the_openai_client_expects(sim: LocalServer) -> None:
    answer = sim.client().chat.completions.create(model="workshop-sim", messages=ASK, max_tokens=5)
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "workshop-sim"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_gives_the_role_then_text_then_a_finish_reason(sim: LocalServer) -> None:
    chunks = list(sim.client().chat.completions.create(model="workshop-sim", messages=ASK, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.choices[0].delta.content for chunk in chunks[1:-1])
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_ends_with_usage_in_a_chunk_without_choices_if_asked_for(sim: LocalServer) -> None:
    options: Any = {"include_usage": True}
    chunks = list(
        sim.client().chat.completions.create(
            model="workshop-sim", messages=ASK, stream=True, stream_options=options, max_tokens=4
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_closes_with_done(sim: LocalServer) -> None:
    _, headers, body = sim.chat("workshop-sim", stream=True, max_tokens=2)
    assert headers["content-type"].startswith("text/event-stream")
    assert body.endswith(b"data: [DONE]\n\n")


def test_max_completion_tokens_is_accepted_and_wins_over_its_older_name(sim: LocalServer) -> None:
    _, _, body = sim.chat("workshop-sim", max_tokens=9, max_completion_tokens=3)
    assert json.loads(body)["usage"]["completion_tokens"] == 3


def test_content_may_come_in_text_parts(sim: LocalServer) -> None:
    parts: Any = [
        {"role": "user", "content": [{"type": "text", "text": "one two"}, {"type": "text", "text": " three"}]}
    ]
    answer = sim.client().chat.completions.create(model="workshop-sim", messages=parts)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3


def test_unknown_fields_are_ignored(sim: LocalServer) -> None:
    status, _, _ = sim.chat("workshop-sim", a_field_of_tomorrow={"x": 1}, frequency_penalty=0.5, user="ana")
    assert status == 200


def test_models_are_listed_and_shown_one_by_one(sim: LocalServer) -> None:
    assert [model.id for model in sim.client().models.list()] == ["workshop-sim"]
    assert sim.client().models.retrieve("workshop-sim").owned_by == "workshop"


def test_an_unknown_model_is_a_404_model_not_found(sim: LocalServer) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        sim.client().chat.completions.create(model="gpt-9", messages=ASK)
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"top_p": 0}, "top_p"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages.0.role"),
        ({"n": 9}, "n"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
    ],
)
def test_a_bad_field_is_a_400_that_names_it(sim: LocalServer, fields: dict[str, Any], param: str) -> None:
    status, _, body = sim.chat("workshop-sim", **fields)
    error = json.loads(body)["error"]
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert param.split(".")[0] in error["message"]


def test_unknown_paths_and_methods_answer_in_the_same_error_shape(sim: LocalServer) -> None:
    for method, path, expected in [("GET", "/nowhere", 404), ("GET", "/v1/chat/completions", 405)]:
        status, _, body = sim.request(method, path)
        assert status == expected
        assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


def test_the_callers_request_id_comes_back_and_is_seen_by_the_admin(sim: LocalServer) -> None:
    body: dict[str, Any] = {"model": "workshop-sim", "messages": ASK}
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    _, headers, _ = sim.request("POST", "/v1/chat/completions", body, X_Request_ID="req-7", traceparent=trace)
    assert headers["x-request-id"] == "req-7"
    last = sim.wait_for_calls(finished=1)["last"][-1]
    assert (last["x_request_id"], last["traceparent"]) == ("req-7", trace)


def test_with_a_key_set_every_call_without_it_is_a_401(launch: Launch) -> None:
    server = launch("--models", "workshop-sim", "--api-key", "s3cret")
    with pytest.raises(openai.AuthenticationError) as caught:
        server.client("wrong").chat.completions.create(model="workshop-sim", messages=ASK)
    assert caught.value.code == "invalid_api_key"
    assert server.request("GET", "/v1/models")[0] == 401
    assert server.request("GET", "/admin/calls")[0] == 401
    assert server.request("GET", "/health")[0] == 200
    assert server.client("s3cret").chat.completions.create(model="workshop-sim", messages=ASK).choices


def test_a_model_can_be_served_under_another_name(launch: Launch) -> None:
    server = launch("--models", "workshop-sim", "--served-model-name", "gpt-4o-mini=workshop-sim")
    answer = server.client().chat.completions.create(model="gpt-4o-mini", messages=ASK, max_tokens=2)
    assert answer.model == "gpt-4o-mini"
    assert [model.id for model in server.client().models.list()] == ["workshop-sim", "gpt-4o-mini"]


def test_metrics_have_vllms_names_and_count_the_calls(launch: Launch) -> None:
    server = launch("--models", "workshop-sim", SIM_TTFT_MS="2", SIM_TPOT_MS="1", SIM_OUTPUT_TOKENS="6")
    server.chat("workshop-sim", "one two three")
    server.chat("workshop-sim", "one", max_tokens=2, stream=True)
    model = {"model_name": "workshop-sim"}
    assert server.metric("vllm:prompt_tokens_total", **model) == 4
    assert server.metric("vllm:generation_tokens_total", **model) == 8
    assert server.metric("vllm:request_success_total", finished_reason="stop", **model) == 1
    assert server.metric("vllm:request_success_total", finished_reason="length", **model) == 1
    assert server.metric("vllm:num_requests_running", **model) == 0
    assert server.metric("vllm:num_requests_waiting", **model) == 0
    assert server.metric("vllm:inter_token_latency_seconds_count", **model) == 6
    for name in ("time_to_first_token", "e2e_request_latency", "request_queue_time"):
        assert server.metric(f"vllm:{name}_seconds_count", **model) == 2


def test_the_admin_routes_can_be_switched_off(launch: Launch) -> None:
    server = launch("--models", "workshop-sim", "--no-admin")
    assert server.request("GET", "/admin/calls")[0] == 404
    assert server.request("PUT", "/admin/faults", {"status": 500})[0] == 404
    assert server.chat("workshop-sim")[0] == 200
