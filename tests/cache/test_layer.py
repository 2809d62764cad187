"""The layer alone, around a scripted handler: cases that the simulator cannot produce."""

import asyncio
from dataclasses import replace

import pytest

from shared.layers.response_cache import ResponseCache
from shared.pipeline.call import Call, Caller, ChatRequest
from shared.pipeline.outcome import Usage
from shared.pipeline.reply import Completion, Reply
from shared.settings import BadSetting, Settings

ASKED = ChatRequest("m", ({"role": "user", "content": "Hola"},), temperature=0.0, max_tokens=20)
BODY = b'{"choices":[{"message":{"content":"hola"}}]}'
SETTINGS = Settings()


class Model:
    """Answers everything at once, and counts the calls."""

    def __init__(self, finish_reason: str | None = "stop") -> None:
        self.calls = 0
        self.finish_reason = finish_reason

    async def __call__(self, call: Call) -> Reply:
        self.calls += 1
        return Completion("m", "hola", Usage(3, 4), self.finish_reason, BODY)


def a_call(request: ChatRequest = ASKED, *, caller: str = "ana", peer: str = "", endpoint: str = "/generate") -> Call:
    call = Call(request, endpoint, "test", peer=peer)
    if caller:
        call.caller = Caller(caller)
    return call


def send(*calls: Call, model: Model | None = None) -> list[str]:
    """The X-Cache header of each of these calls, which go through one layer one after the other."""
    layer, model = ResponseCache(SETTINGS), model or Model()

    async def scenario() -> list[str]:
        for call in calls:
            await layer(call, model)
        return [call.response_headers["X-Cache"] for call in calls]

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("finish_reason", "calls"), [("stop", 1), ("length", 1), ("content_filter", 2), ("tool_calls", 2), (None, 2)]
)
def test_an_answer_that_did_not_come_to_its_end_is_not_kept(finish_reason: str | None, calls: int) -> None:
    model = Model(finish_reason)
    send(a_call(), a_call(), model=model)
    assert model.calls == calls


def test_streams_bypass_the_cache() -> None:
    assert send(a_call(replace(ASKED, stream=True)), a_call(replace(ASKED, stream=True))) == ["bypass"] * 2


def test_strangers_are_told_apart_by_their_address() -> None:
    here, there = "192.0.2.1", "192.0.2.2"
    calls = [a_call(caller="", peer=peer) for peer in (here, there, here)]
    assert send(*calls) == ["miss", "miss", "hit"]


def test_routes_share_answers_to_the_same_question_but_summaries_have_their_own_cache() -> None:
    calls = [a_call(endpoint=endpoint) for endpoint in ("/generate", "/v1/infer", "/summarize", "/summarize")]
    assert send(*calls) == ["miss", "hit", "miss", "hit"]


def test_the_log_and_the_metadata_show_the_cache_status() -> None:
    calls = [a_call(), a_call(), a_call(replace(ASKED, temperature=1.0))]
    send(*calls)
    assert [call.log_fields["cache"] for call in calls] == ["miss", "hit", "bypass"]
    assert [call.metadata["cached"] for call in calls] == [False, True, False]


def test_redis_without_its_address_is_a_bad_setting() -> None:
    with pytest.raises(BadSetting, match="REDIS_URL"):
        ResponseCache(Settings(cache_backend="redis"))
