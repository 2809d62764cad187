"""The wait before the next try, in the headers of every upstream that we know of, and of some that we do not."""

import math
import time

import pytest

from shared.upstream.retry_after import parse_retry_after


def openai(requests: str, reset_requests: str, tokens: str, reset_tokens: str) -> dict[str, str]:
    return {
        "x-ratelimit-remaining-requests": requests,
        "x-ratelimit-reset-requests": reset_requests,
        "x-ratelimit-remaining-tokens": tokens,
        "x-ratelimit-reset-tokens": reset_tokens,
    }


def others(remaining: str, reset: str) -> dict[str, str]:
    return {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (openai("0", "1s", "500", "6m0s"), 1.0),
        (openai("3", "1s", "0", "6m0s"), 360.0),
        (openai("0", "20ms", "0", "1h2m3.5s"), 3723.5),
        (openai("0", "2.25", "9", ""), 2.25),
        (openai("3", "1s", "500", "6m0s"), None),
        (openai("0", "soon", "0", "1s"), 1.0),
        (openai("0", "soon", "9", ""), None),
        (others("0", "7"), 7.0),
        (others("1", "7"), None),
        (others("0", "-7"), None),
        (others("0", "0"), 0.0),
        ({"x-ratelimit-reset": "7"}, None),
        ({"retry-after": "2", **others("0", "7")}, 2.0),
        ({"retry-after-ms": "20", **others("0", "7")}, 0.02),
        ({"retry-after": "soon", **others("0", "7")}, 7.0),
    ],
)
def test_an_exhausted_limit_gives_the_wait_until_its_reset(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers) == seconds


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_reset_may_be_a_date_in_seconds_or_milliseconds(unit: int) -> None:
    wait = parse_retry_after(others("0", str(int((time.time() + 30) * unit))))
    assert wait == pytest.approx(30, abs=2)


@pytest.mark.parametrize("nonsense", ["nan", "inf", "-inf", "9" * 400, "9" * 400 + "s", "1e400", "²", "s", "1m1", ""])
def test_malformed_values_never_make_an_infinite_wait(nonsense: str) -> None:
    for headers in ({"retry-after-ms": nonsense}, {"retry-after": nonsense}, others("0", nonsense)):
        wait = parse_retry_after(headers)
        assert wait is None or math.isfinite(wait)
