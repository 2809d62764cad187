"""The headers that tell a client its limits."""

import asyncio
import re

import pytest

from shared.limits.allowance import SECOND, Limits
from shared.limits.headers import duration, headers
from shared.limits.verdict import Verdict, nothing_to_settle
from tests.limits.counts import InMemory

MEMBER = re.compile(r'"(?P<name>[a-z]+)"(?P<parameters>(;[a-z]+=(\d+|"[a-z]+"))+)$')


def members(field: str) -> dict[str, dict[str, str]]:
    """A structured field's list of named items, each with its parameters (RFC 9651)."""
    found = {}
    for member in field.split(", "):
        match = MEMBER.match(member)
        assert match, member
        found[match["name"]] = dict(part.split("=") for part in match["parameters"].split(";")[1:])
    return found


def after(requests: int, limits: Limits, tokens: int = 0, apart: int = 0) -> dict[str, str]:
    async def ask() -> dict[str, str]:
        counts = InMemory()
        for _ in range(requests):
            reading = (await counts.admit(limits, tokens)).reading
            counts.clock.now += apart
        return headers(Verdict(limits, reading, nothing_to_settle))

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (20_000, "20ms"),
        (1_500_000, "1.5s"),
        (59_999_001, "1m0s"),
        (360 * SECOND, "6m0s"),
        (3600 * SECOND, "1h0m0s"),
        (3_725_250_000, "1h2m5.25s"),
    ],
)
def test_durations_read_as_openai_writes_them(microseconds: int, text: str) -> None:
    assert duration(microseconds) == text


def test_the_headers_say_what_remains_after_this_request() -> None:
    told = after(2, Limits(60, 60 * SECOND, 1000, 5000), tokens=100, apart=SECOND)
    assert told["x-ratelimit-limit-requests"] == "60"
    assert told["x-ratelimit-remaining-requests"] == "58"
    assert told["x-ratelimit-reset-requests"] == "1m0s"
    assert told["x-ratelimit-limit-tokens"] == "5000"
    assert told["x-ratelimit-remaining-tokens"] == "4800"
    assert told["x-ratelimit-reset-tokens"] == "1m0s"


def test_the_ietf_fields_name_every_limit_and_the_time_until_more_is_free() -> None:
    told = after(2, Limits(60, 60 * SECOND, 1000, 5000), tokens=100, apart=SECOND)
    assert members(told["RateLimit-Policy"]) == {
        "requests": {"q": "60", "w": "60"},
        "hour": {"q": "1000", "w": "3600"},
        "tokens": {"q": "5000", "qu": '"tokens"', "w": "60"},
    }
    assert members(told["RateLimit"]) == {
        "requests": {"r": "58", "t": "59"},
        "hour": {"r": "998", "t": "3599"},
        "tokens": {"r": "4800", "t": "59"},
    }


def test_the_hourly_limit_is_shown_for_requests_when_it_leaves_less() -> None:
    told = after(2, Limits(60, 60 * SECOND, 3, 5000))
    assert told["x-ratelimit-limit-requests"] == "3"
    assert told["x-ratelimit-remaining-requests"] == "1"
    assert told["x-ratelimit-reset-requests"] == "1h0m0s"


def test_nothing_that_remains_is_ever_negative() -> None:
    async def ask() -> dict[str, str]:
        counts, limits = InMemory(), Limits(1, SECOND, 1, 10)
        await (await counts.admit(limits, 10)).settle(5000)
        return headers(Verdict(limits, (await counts.admit(limits, 10)).reading, nothing_to_settle))

    told = asyncio.run(ask())
    assert told["x-ratelimit-remaining-requests"] == "0"
    assert told["x-ratelimit-remaining-tokens"] == "0"
    assert {limit["r"] for limit in members(told["RateLimit"]).values()} == {"0"}
