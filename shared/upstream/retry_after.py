"""How long to wait before asking an upstream again, read from the headers of its reply.

An explicit wait comes first (`retry-after-ms`, `Retry-After`). Otherwise, if a limit has nothing remaining, the wait
ends when that limit resets.
"""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from shared.upstream.quota import number, quotas


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; None if the upstream does not say."""
    said = _said(headers)
    return _until_reset(headers) if said is None else said


def _said(headers: Mapping[str, str]) -> float | None:
    """From `retry-after-ms` (OpenAI's) or `Retry-After` (RFC 9110 §10.2.3: seconds or a date)."""
    if (milliseconds := number(headers.get("retry-after-ms", ""))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    if (seconds := number(value)) is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until every exhausted limit has reset."""
    exhausted = (quota.reset_s for quota in quotas(headers) if quota.remaining == 0)
    return max((wait for wait in exhausted if wait is not None), default=None)
