"""Counts requests that are refused before they become a call: too many at once, not HTTP, a head that is too large.

Such a request has no line in the log, so this count is its only trace.
"""

from prometheus_client import Counter

from shared.pipeline.errors import HeadersTooLarge, MalformedRequest, Overloaded, ServiceError

refusals_total = Counter("gateway_edge_refusals_total", "Requests refused before they became a call", ["reason"])
_by_reason = {kind.code: refusals_total.labels(kind.code) for kind in (Overloaded, MalformedRequest, HeadersTooLarge)}


def refused(error: ServiceError) -> None:
    _by_reason[error.code].inc()
