"""A call is settled exactly once, and every registered callback hears of it."""

import asyncio
import hashlib

import pytest

from shared.layers.request_log import log_record
from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.outcome import Ending, Outcome
from tests.shared.conftest import make_call


def test_each_registration_runs_once_and_in_reverse_order() -> None:
    call, heard = make_call(), list[str]()
    call.on_done(lambda outcome: heard.append(f"first {outcome.ending}"))
    call.on_done(lambda outcome: heard.append(f"second {outcome.ending}"))
    call.finish(Outcome(Ending.FINISHED))
    call.finish(Outcome(Ending.FAILED))
    assert heard == ["second finished", "first finished"]
    assert call.outcome == Outcome(Ending.FINISHED)


def test_one_layer_that_fails_to_settle_does_not_rob_the_others(caplog: pytest.LogCaptureFixture) -> None:
    call, heard = make_call(), list[Ending]()

    def broken(outcome: Outcome) -> None:
        raise KeyError("bookkeeping")

    call.on_done(lambda outcome: heard.append(outcome.ending))
    call.on_done(broken)
    call.finish(Outcome(Ending.LEFT))
    assert heard == [Ending.LEFT]
    assert "failed to settle" in caplog.text


def test_the_prompt_is_all_the_text_that_was_sent() -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    messages = ({"role": "system", "content": "be brief"}, {"role": "user", "content": parts}, {"role": "assistant"})
    assert ChatRequest("m", messages).prompt == "be brief\nlook"


def test_unknown_fields_reach_the_wire_untouched_and_absent_ones_stay_absent() -> None:
    request = ChatRequest("m", ({"role": "user", "content": "x"},), extra={"seed": 7, "vendor": {"a": [1]}})
    assert request.to_wire() == {
        "model": "m",
        "messages": ({"role": "user", "content": "x"},),
        "seed": 7,
        "vendor": {"a": [1]},
    }


def test_a_stream_asks_for_its_usage_and_keeps_the_callers_own_options() -> None:
    request = ChatRequest("m", (), stream=True, extra={"stream_options": {"vendor": 1}})
    assert request.to_wire()["stream_options"] == {"vendor": 1, "include_usage": True}


def test_the_log_line_has_the_agreed_names_and_no_text() -> None:
    async def line() -> dict[str, object]:
        call: Call = make_call("¿Cuánto cuesta?")
        call.log_fields["cache"] = "hit"
        return log_record(call, Outcome(Ending.FINISHED, response_length=9, model="m", cost_usd=0.000012))

    record = asyncio.run(line())
    assert list(record)[:11] == [
        "request_id",
        "timestamp",
        "latency_ms",
        "prompt_hash",
        "prompt_length",
        "response_length",
        "tokens_input",
        "tokens_output",
        "tokens_total",
        "cost_usd",
        "model",
    ]
    assert record["prompt_hash"] == hashlib.sha256("¿Cuánto cuesta?".encode()).hexdigest()[:16]
    assert record["cache"] == "hit"
    assert "Cuánto" not in str(record)
