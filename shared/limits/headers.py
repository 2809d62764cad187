"""A verdict as response headers, in both conventions.

OpenAI's `x-ratelimit-*` (platform.openai.com/docs/guides/rate-limits): requests are those of the window or the hour,
whichever has less left; `reset` is the time until the full limit is available again. The IETF's RateLimit-Policy and
RateLimit (draft-ietf-httpapi-ratelimit-headers-10): each limit by name; for a time `t`, at most `r` are available.
"""

from functools import lru_cache

from shared.limits.allowance import HOUR, SECOND, Limits
from shared.limits.verdict import Verdict


def headers(verdict: Verdict) -> dict[str, str]:
    """The headers after this request. What remains is never negative."""
    limits, reading = verdict.limits, verdict.reading
    requests = max(0, limits.requests - reading.requests)
    hourly = max(0, limits.hourly - reading.hourly)
    tokens = max(0, limits.tokens - reading.tokens)
    if hourly < requests:
        limit, remaining, span = limits.hourly, hourly, HOUR
    else:
        limit, remaining, span = limits.requests, requests, limits.window
    next_release = seconds_up(reading.next_release)
    return {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": duration(max(0, span - reading.latest)),
        "x-ratelimit-limit-tokens": str(limits.tokens),
        "x-ratelimit-remaining-tokens": str(tokens),
        "x-ratelimit-reset-tokens": duration(max(0, limits.window - reading.latest) if reading.tokens else 0),
        "RateLimit-Policy": policy(limits),
        "RateLimit": f'"requests";r={requests};t={next_release}, '
        f'"hour";r={hourly};t={seconds_up(reading.next_hourly)}, '
        f'"tokens";r={tokens};t={next_release}',
    }


@lru_cache(maxsize=1024)
def policy(limits: Limits) -> str:
    """The same for every reply to a caller. The draft has windows of whole seconds, so ours are rounded up."""
    window = seconds_up(limits.window)
    return (
        f'"requests";q={limits.requests};w={window}, '
        f'"hour";q={limits.hourly};w={seconds_up(HOUR)}, '
        f'"tokens";q={limits.tokens};qu="tokens";w={window}'
    )


def seconds_up(microseconds: int) -> int:
    return -(-microseconds // SECOND)


def duration(microseconds: int) -> str:
    """A duration as OpenAI (and Go) write it: `6m0s`, `1.5s`, `20ms`; rounded up to a millisecond."""
    milliseconds = -(-microseconds // 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{milliseconds / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
