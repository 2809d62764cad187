"""How long to wait before asking an upstream again, read from the headers of its reply.

An explicit wait comes first (`retry-after-ms`, `Retry-After`). Otherwise, if a limit has nothing remaining, the wait
ends when that limit resets. There is no standard for these headers: all three dialects are read.
"""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

# OpenAI's headers, one pair for requests and one for tokens, and the pair that others use.
LIMITS = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("X-RateLimit-Remaining", "X-RateLimit-Reset"),
)
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
NUMBER = r"\d{1,15}(?:\.\d{1,9})?"
PART = rf"({NUMBER})(ns|us|µs|ms|s|m|h)"
EPOCH = 1e9  # from here on a number is a date, in seconds since 1970; some APIs write milliseconds
EPOCH_MS = 1e11


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; None if the upstream does not say."""
    said = _said(headers)
    return _until_reset(headers) if said is None else said


def _said(headers: Mapping[str, str]) -> float | None:
    """From `retry-after-ms` (OpenAI's) or `Retry-After` (RFC 9110 §10.2.3: seconds or a date)."""
    if (milliseconds := _number(headers.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    value = headers.get("Retry-After", "")
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until every exhausted limit has reset."""
    resets = (headers.get(reset, "") for remaining, reset in LIMITS if _number(headers.get(remaining, "")) == 0)
    return max((wait for reset in resets if (wait := _duration(reset)) is not None), default=None)


def _duration(text: str) -> float | None:
    """Seconds from now, out of `6m0s`, `1.5s` or `20ms` (as Go writes them), a number of seconds, or a numeric date."""
    if re.fullmatch(rf"({PART})+", text):
        return sum(float(number) * SECONDS[unit] for number, unit in re.findall(PART, text))
    seconds = _number(text)
    if seconds is None or seconds < EPOCH:
        return seconds
    return max(0.0, (seconds / 1000 if seconds >= EPOCH_MS else seconds) - time.time())


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(NUMBER, text.strip()) else None
