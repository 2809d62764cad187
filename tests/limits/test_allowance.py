"""The limits of each caller and each endpoint."""

from typing import Any

import pytest

from shared.limits.allowance import HOUR, SECOND, Allowances, Limits, key_of
from shared.pipeline.call import UNSAID_MAX_TOKENS, Call, Caller, ChatRequest
from shared.settings import BadSetting
from shared.upstream.openai_wire import worst_case
from tests.limits.counts import settings

ANA = Caller(id="user:ana", user="ana")
STRANGER = Caller(id="ip:192.0.2.7")


def allowances(**given: Any) -> Allowances:
    return Allowances(settings(**given))


def test_a_known_caller_gets_the_limits_of_the_settings_and_the_burst() -> None:
    given = allowances(
        rate_limit_rpm=60, rate_limit_burst=5, rate_limit_window_sec=30, rate_limit_rph=700, rate_limit_tpm=9000
    )
    assert given.limits_of(ANA, given.scope_of("/generate")) == Limits(65, 30 * SECOND, 700, 9000)


@pytest.mark.parametrize("stranger", [STRANGER, Caller()])
def test_a_stranger_gets_fewer_requests(stranger: Caller) -> None:
    assert allowances(rate_limit_anonymous_rpm=20).limits_of(stranger, "").requests == 20


def test_a_stranger_never_gets_more_than_a_known_caller() -> None:
    given = allowances(
        rate_limit_rpm=5, rate_limit_anonymous_rpm=20, rate_limit_overrides='{"/generate": {"rpm": 3}, "/v1": {}}'
    )
    assert [given.limits_of(STRANGER, scope).requests for scope in ("", "/generate", "/v1")] == [5, 3, 5]


def test_an_endpoint_has_limits_and_counters_of_its_own() -> None:
    given = allowances(
        rate_limit_rpm=60, rate_limit_overrides='{"/generate": {"rpm": 6, "rph": 100, "tpm": 500, "burst": 1}}'
    )
    assert given.limits_of(ANA, given.scope_of("/generate")) == Limits(7, 60 * SECOND, 100, 500)
    assert given.scope_of("/summarize") == ""
    assert given.limits_of(ANA, "").requests == 60
    call = Call(ChatRequest("m", ()), "/generate", "id", caller=ANA)
    assert key_of(call, "/generate") != key_of(call, "")


def test_strangers_without_accounts_are_told_apart_by_address() -> None:
    ours, theirs = (Call(ChatRequest("m", ()), "/generate", "id", peer=peer) for peer in ("192.0.2.7", "192.0.2.8"))
    assert key_of(ours, "") != key_of(theirs, "")


@pytest.mark.parametrize(
    "overrides",
    ["{", "[]", '{"generate": {"rpm": 1}}', '{"/g": {"rpm": 0}}', '{"/g": {"rpm": "5"}}', '{"/g": {"rmp": 5}}', "5"],
)
def test_overrides_that_cannot_be_read_stop_the_start_with_one_line(overrides: str) -> None:
    with pytest.raises(BadSetting) as refused:
        allowances(rate_limit_overrides=overrides)
    assert str(refused.value).startswith("RATE_LIMIT_OVERRIDES")
    assert "\n" not in str(refused.value)


def test_workers_that_cannot_count_together_divide_the_limits() -> None:
    assert Limits(65, SECOND, 1000, 90_001).divided(4) == Limits(16, SECOND, 250, 22_500)
    assert Limits(3, SECOND, 2, 1).divided(4) == Limits(1, SECOND, 1, 1), "a caller is never locked out completely"
    assert Limits(65, SECOND, 1000, 9).horizon == HOUR


@pytest.mark.parametrize(
    ("request_", "tokens"),
    [
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=100), 110),
        (ChatRequest("m", ({"content": "x" * 40},)), 10 + UNSAID_MAX_TOKENS),
        (ChatRequest("m", ({"content": "x" * 40},), extra={"max_completion_tokens": 7}), 17),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=1, extra={"max_completion_tokens": 4000}), 4010),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=4000, extra={"max_completion_tokens": 1}), 4010),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=1, extra={"max_completion_tokens": 99.5}), 110),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=1, extra={"max_completion_tokens": "100"}), 110),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=100, extra={"max_completion_tokens": ["x"]}), 110),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=100, extra={"n": 3}), 310),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=100, extra={"n": 3.0}), 310),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=100, extra={"n": float("nan")}), 110),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=100, extra={"n": -3}), 110),
        (ChatRequest("m", ({"content": "x" * 40},), max_tokens=-5, extra={"n": "many"}), 10 + UNSAID_MAX_TOKENS),
    ],
)
def test_the_worst_case_is_the_prompt_and_every_answer_at_full_length(request_: ChatRequest, tokens: int) -> None:
    assert worst_case(request_) == tokens
