"""The tries of one upstream: how many, how they ended, how long it took to reply. For GET /metrics and GET /health.

In: the beginning and the end of each try. Out: counts of this worker. A stream has replied at its first token, and ends
with its last one.
"""

import time
from collections.abc import Collection, Mapping
from typing import Any

from prometheus_client import Counter, Histogram

from shared.process.write_behind import Observations, Steps

ANSWERED, LEFT = "200", "left"
FAILURES = {"timeout", "connect", "cut", "429"}  # and each 5xx

calls_total = Counter(
    "gateway_upstream_calls_total",
    "Tries, by the upstream's status, or by the reason for an incomplete answer: connect, timeout, cut, left",
    ["upstream", "status"],
)
reply_seconds = Histogram(
    "gateway_upstream_reply_seconds",
    "From a try to its answer, a stream's first token, or its failure",
    ["upstream"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)


class Tally:
    """`failures` are those of the upstream: a request that it rejects is none, nor a caller who leaves."""

    def __init__(self, upstream: str) -> None:
        self.tries = 0
        self.failures = 0
        self.under_way = 0
        self.replies = 0
        self.seconds = 0.0  # until all those replies
        self._upstream = upstream
        self._answered = Steps(calls_total.labels(upstream, ANSWERED))
        self._reply = Observations(reply_seconds.labels(upstream))

    def begin(self) -> float:
        """A try begins. Returns when, for `replied` and `ended`."""
        self.tries += 1
        self.under_way += 1
        return time.perf_counter()

    def replied(self, begun: float) -> None:
        seconds = time.perf_counter() - begun
        self._reply.observe(seconds)
        self.replies += 1
        self.seconds += seconds

    def failed(self, begun: float, status: str) -> None:
        """The try ended without a reply."""
        if status != LEFT:
            self._reply.observe(time.perf_counter() - begun)
        self.ended(status)

    def ended(self, status: str) -> None:
        self.under_way -= 1
        self.failures += status in FAILURES or status.startswith("5")
        (self._answered if status == ANSWERED else calls_total.labels(self._upstream, status)).inc()


def report(tallies: Collection[Tally]) -> Mapping[str, Any]:
    """Since the start. The mean is null before the first reply."""
    tries, failures = sum(each.tries for each in tallies), sum(each.failures for each in tallies)
    replies, seconds = sum(each.replies for each in tallies), sum(each.seconds for each in tallies)
    return {
        "requests_total": tries,
        "error_rate": round(failures / tries, 4) if tries else 0.0,
        "avg_response_time_ms": round(seconds / replies * 1000, 3) if replies else None,
    }
