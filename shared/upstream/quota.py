"""What is left of an upstream's rate limits, as the headers of its replies say.

In: headers. Out: quotas. There is no standard for these headers: OpenAI's, which has one set for requests and one for
tokens, and the set that others use, are read.
"""

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# The limit, what remains of it, and when it is whole again; and whether it counts requests or tokens.
REQUESTS, TOKENS = "requests", "tokens"
DIALECTS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests", REQUESTS),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens", TOKENS),
    ("x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset", REQUESTS),
)
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
NUMBER = r"\d{1,15}(?:\.\d{1,9})?"
PART = rf"({NUMBER})(ns|us|µs|ms|s|m|h)"
EPOCH = 1e9  # from here on a number is a date, in seconds since 1970; some APIs write milliseconds
EPOCH_MS = 1e11


@dataclass(slots=True, frozen=True)
class Quota:
    """One limit. `limit` and `reset_s` (seconds until it is whole again) are None if the upstream does not say."""

    unit: str
    remaining: float
    limit: float | None
    reset_s: float | None


def quotas(headers: Mapping[str, str]) -> Iterator[Quota]:
    for remaining, limit, reset, unit in DIALECTS:
        if (value := headers.get(remaining)) and (left := number(value)) is not None:
            yield Quota(unit, left, number(headers.get(limit, "")), duration(headers.get(reset, "")))


def duration(text: str) -> float | None:
    """Seconds from now, out of `6m0s`, `1.5s` or `20ms` (as Go writes them), a number of seconds, or a numeric date."""
    if re.fullmatch(rf"({PART})+", text):
        return sum(float(count) * SECONDS[unit] for count, unit in re.findall(PART, text))
    seconds = number(text)
    if seconds is None or seconds < EPOCH:
        return seconds
    return max(0.0, (seconds / 1000 if seconds >= EPOCH_MS else seconds) - time.time())


def number(text: str) -> float | None:
    return float(text) if re.fullmatch(NUMBER, text.strip()) else None
