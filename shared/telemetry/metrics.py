"""The metrics of every call: names, labels, bucket edges. Times in seconds, money in US dollars.

A histogram can check a latency objective only at a bucket edge, so each objective must be an edge.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from prometheus_client import Counter, Histogram, disable_created_metrics

from shared.process.write_behind import Observations, Steps

# region: edges
DURATION_EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
FIRST_TOKEN_EDGES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PER_TOKEN_EDGES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
# endregion: edges
OVERHEAD_EDGES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time for each series would double what is scraped

requests_total = Counter("gateway_requests_total", "Calls, as in the log", ["endpoint", "model", "status"])
duration = Histogram(
    "gateway_request_duration_seconds", "From arrival to the last byte", ["endpoint"], buckets=DURATION_EDGES
)
overhead = Histogram(
    "gateway_overhead_seconds", "A call's time without its waits for upstreams", buckets=OVERHEAD_EDGES
)
queued = Histogram("gateway_queue_seconds", "Waiting for a place in the admission queue", buckets=OVERHEAD_EDGES)
first_token = Histogram(
    "gen_ai_server_time_to_first_token_seconds",
    "From arrival to a stream's first token",
    ["model"],
    buckets=FIRST_TOKEN_EDGES,
)
per_token = Histogram(
    "gen_ai_server_time_per_output_token_seconds",
    "Time per token of a stream, after the first",
    ["model"],
    buckets=PER_TOKEN_EDGES,
)
tokens_total = Counter("gateway_tokens_total", "Tokens, as in the log", ["model", "direction"])
cost_total = Counter("gateway_cost_usd_total", "US dollars, as in the log", ["model"])

tenant_requests_total = Counter("gateway_tenant_requests_total", "Calls per user", ["tenant"])
tenant_tokens_total = Counter("gateway_tenant_tokens_total", "Tokens per user, in and out", ["tenant"])
tenant_cost_total = Counter("gateway_tenant_cost_usd_total", "US dollars per user", ["tenant"])
tenant_refusals_total = Counter(
    "gateway_tenant_refusals_total", "Refused calls per user: rights, limits, budget, no room", ["tenant"]
)

C = TypeVar("C", Steps, Observations)


class Children(dict[str | tuple[str, ...], C], Generic[C]):
    """A metric's children by their labels: the result of `labels()`, in a twentieth of its time, and cheap to count."""

    def __init__(self, metric: Counter | Histogram, kind: Callable[[Any], C]) -> None:
        super().__init__()
        self._metric = metric
        self._kind: Callable[[Any], C] = kind

    def __missing__(self, labels: str | tuple[str, ...]) -> C:
        child: C = self._kind(self._metric.labels(*((labels,) if isinstance(labels, str) else labels)))
        self[labels] = child
        return child
