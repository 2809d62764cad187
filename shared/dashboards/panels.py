"""The panels of the dashboards page: each chart, its explanation, its PromQL. The page sends no other queries.

`$window` is how far a rate looks back. A line's label may name labels of the series: `{status}`.
"""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["per_second", "seconds", "share", "usd", "count", "bytes", "tokens"]


@dataclass(slots=True, frozen=True)
class Line:
    label: str
    query: str


@dataclass(slots=True, frozen=True)
class Panel:
    """`says` is one sentence for a person: how to read the chart, and what to do about it."""

    name: str
    title: str
    unit: Unit
    says: str
    lines: tuple[Line, ...]


def _quantile(share: str, histogram: str, only: str = "") -> Line:
    buckets = f"{histogram}_bucket{only}"
    return Line(f"p{share[2:]:0<2}", f"histogram_quantile({share}, sum by (le) (rate({buckets}[$window])))")


PANELS = (
    Panel(
        "rate",
        "Requests",
        "per_second",
        "The load, by endpoint; read every other chart together with this one.",
        (Line("{endpoint}", "sum by (endpoint) (rate(gateway_requests_total[$window]))"),),
    ),
    Panel(
        "errors",
        "Errors by kind",
        "per_second",
        "4xx are callers' mistakes and limits, 502 and 504 are upstream faults, 503 are calls that found no room.",
        (Line("{status}", 'sum by (status) (rate(gateway_requests_total{status=~"[45].."}[$window]))'),),
    ),
    Panel(
        "latency",
        "Time to the whole answer",
        "seconds",
        "Half of all requests are done within p50, all but one in a hundred within p99; a p99 far above the "
        "others is a queue, a retry or a slow upstream.",
        tuple(_quantile(share, "gateway_request_duration_seconds") for share in ("0.5", "0.95", "0.99")),
    ),
    Panel(
        "first_token",
        "Time to the first token",
        "seconds",
        "The wait of a person who watches the answer grow; it rises first when the upstream is overloaded.",
        tuple(_quantile(share, "gen_ai_server_time_to_first_token_seconds") for share in ("0.5", "0.95")),
    ),
    Panel(
        "tokens",
        "Tokens",
        "tokens",
        "The work itself: few requests with long answers weigh more than many with short ones.",
        (Line("{direction}", "sum by (direction) (rate(gateway_tokens_total[$window]))"),),
    ),
    Panel(
        "cost",
        "Cost per hour",
        "usd",
        "The cost of an hour at the present rate, by model; this is the chart that becomes a bill.",
        (Line("{model}", "sum by (model) (rate(gateway_cost_usd_total[$window])) * 3600"),),
    ),
    Panel(
        "cache",
        "Cache hits",
        "share",
        "The share of answers that nobody had to pay for; a fall means new questions, or answers that expire too soon.",
        (
            Line(
                "hits",
                "sum(rate(inference_cache_hits_total[$window])) / "
                "(sum(rate(inference_cache_hits_total[$window])) + sum(rate(inference_cache_misses_total[$window])))",
            ),
        ),
    ),
    Panel(
        "limits",
        "Refused by a limit",
        "per_second",
        "Requests over a limit, by the kind of limit: one greedy client, or a limit that is too low.",
        (Line("{limit}", "sum by (limit) (rate(gateway_rate_limit_refusals_total[$window]))"),),
    ),
    Panel(
        "queue",
        "Queued and in progress",
        "count",
        "A queue that stays means that the upstream answers more slowly than requests come in.",
        (
            Line("queued", "sum(inference_queue_depth)"),
            Line("in progress", "sum(inference_active_connections)"),
        ),
    ),
    Panel(
        "circuits",
        "Circuit breakers open",
        "count",
        "An upstream that fails too often gets no calls for a while; anything over 0 is an upstream to look at.",
        (Line("{upstream}", "max by (upstream) (gateway_circuits_open)"),),
    ),
    Panel(
        "rescues",
        "Retries, fallbacks, turned away",
        "per_second",
        "Calls that were saved, and those that were not; many retries hide an upstream's trouble, at a price.",
        (
            Line("retries", "sum(rate(gateway_retries_total[$window]))"),
            Line("fallbacks", "sum(rate(gateway_fallbacks_total[$window]))"),
            Line("turned away", "sum(rate(gateway_shed_total[$window]))"),
        ),
    ),
    Panel(
        "overhead",
        "The gateway's own time",
        "seconds",
        "Time spent here and not at an upstream, pauses before retries included; when p50 rises, the gateway is slow.",
        tuple(_quantile(share, "gateway_overhead_seconds") for share in ("0.5", "0.99")),
    ),
    Panel(
        "memory",
        "Memory",
        "bytes",
        "Resident memory, of all workers and of the largest one; a line that only ever rises is a leak.",
        (
            Line("all workers", "sum(process_memory_bytes)"),
            Line("the largest", "max(process_memory_worst_bytes)"),
        ),
    ),
)

# vLLM, alone or under Ray Serve. The embedded server has some of these names too, but does not belong here.
_VLLM = '{job=~"ray|vllm"}'
# Through Ray, a metric has no series at all if its event has never happened, or not for some seconds.
_NONE = f"0 * sum(vllm:generation_tokens_total{_VLLM})"

ENGINE = (
    Panel(
        "replicas",
        "Replicas",
        "count",
        "Wanted by the autoscaler, and ready to answer; the difference is starting, or cannot start.",
        (
            Line("wanted", 'sum(ray_serve_autoscaling_target_replicas) or count(up{job="vllm"})'),
            Line("ready", 'sum(ray_serve_deployment_replica_healthy) or sum(up{job="vllm"})'),
        ),
    ),
    Panel(
        "batch",
        "Running and waiting",
        "count",
        "Requests in the batches of all engines, and those that wait; waiting requests call for another replica.",
        (
            Line("running", f"sum(vllm:num_requests_running{_VLLM}) or {_NONE}"),
            Line("waiting", f"sum(vllm:num_requests_waiting{_VLLM}) or {_NONE}"),
        ),
    ),
    Panel(
        "engine_tokens",
        "Tokens read and made",
        "tokens",
        "The engines' work; when the tokens made no longer rise with demand, this hardware can do no more.",
        (
            Line("read", f"sum(rate(vllm:prompt_tokens_total{_VLLM}[$window]))"),
            Line("made", f"sum(rate(vllm:generation_tokens_total{_VLLM}[$window]))"),
        ),
    ),
    Panel(
        "engine_first_token",
        "Time to the first token, in the engine",
        "seconds",
        "The engine's part of the wait; the rest is spent on the way there, or in the gateway's queue.",
        tuple(_quantile(share, "vllm:time_to_first_token_seconds", _VLLM) for share in ("0.5", "0.95")),
    ),
    Panel(
        "engine_memory",
        "KV cache",
        "share",
        "The fullest engine's memory for tokens, and the share of prompts that was already in it; a full cache "
        "makes requests wait, or begin again.",
        (
            Line("in use", f"max(vllm:kv_cache_usage_perc{_VLLM}) or {_NONE}"),
            Line(
                "found again",
                f"(sum(rate(vllm:prefix_cache_hits_total{_VLLM}[$window])) or {_NONE}) / "
                f"sum(rate(vllm:prefix_cache_queries_total{_VLLM}[$window]))",
            ),
        ),
    ),
)
