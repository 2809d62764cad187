"""What saves calls, and what saves callers: the cache, retries, breakers, fallbacks, the queue, memory."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from serving.monitoring.grafana.overview import quantile
from serving.monitoring.grafana.panel import board, lines, number


def cache_and_resilience() -> Dashboard:
    return board(
        "llm-gateway-cache-and-resilience",
        "Cache and resilience",
        "Callers may be fine while the upstream is not. This board shows what they do not see, and what it costs.",
        {
            "The cache": [
                number(
                    "Hit rate",
                    "Look-ups that were answered without a call. If this halves: each miss costs money, so find out "
                    "what changed: the prompts, their temperature, or the cache's size.",
                    "cache:hits:ratio_rate1m",
                    "percentunit",
                ),
                lines(
                    "Lookups by result",
                    "hit and coalesced cost nothing, miss is a call. bypass never asks the cache: sampled answers, or "
                    "clients that say no-cache. With many of those, the cache cannot help.",
                    {"{{result}}": "sum by (result) (rate(gateway_cache_requests_total[$__rate_interval]))"},
                    "reqps",
                    stacked=True,
                ),
                lines(
                    "Lookups by tier",
                    "memory instead of redis means that Redis is gone; the service returns to Redis by itself.",
                    {"{{tier}}": "sum by (tier) (rate(gateway_cache_requests_total[$__rate_interval]))"},
                    "reqps",
                    stacked=True,
                ),
            ],
            "The upstream": [
                lines(
                    "Tries by result",
                    "Each try of ours, retries included. 429: our quota there is too small. 5xx and cut: they fail. "
                    "connect: they are down. timeout: they hang, or TIMEOUT is too short. left: our caller left.",
                    {
                        "{{upstream}} {{status}}": (
                            "sum by (upstream, status) (rate(gateway_upstream_calls_total[$__rate_interval]))"
                        )
                    },
                    "reqps",
                    stacked=True,
                ),
                lines(
                    "Failing and throttled",
                    "The share of tries, over two minutes. From 10 % failing, or 5 % throttled, there is a ticket; "
                    "callers may not notice yet.",
                    {
                        "{{upstream}} failing": "upstream:failed:ratio_rate2m",
                        "{{upstream}} throttled": "upstream:throttled:ratio_rate2m",
                    },
                    "percentunit",
                ),
                lines(
                    "Time to reply, 95 %",
                    "From a try of ours to the upstream's answer, or its first token. One that is slower than the "
                    "others has too little room, or too much of the load.",
                    {"{{upstream}}": quantile(0.95, "gateway_upstream_reply_seconds", by="upstream")},
                    "s",
                ),
                lines(
                    "Open circuit breakers",
                    "Above 0 an upstream gets no calls, and its callers get a fallback or 503. A breaker closes by "
                    "itself when probes succeed. If one opens again and again, the upstream is only half recovered.",
                    {"{{upstream}}": "sum by (upstream) (gateway_circuits_open)"},
                    limit=1,
                ),
                lines(
                    "Breakers opened",
                    "How often within ten minutes. Each opening began with five failures, or with half of all failing.",
                    {"{{upstream}}": "sum by (upstream) (increase(circuit_breaker_open_total[10m]))"},
                ),
            ],
            "Resilience": [
                lines(
                    "Retries",
                    "For each upstream. Retries hide its faults and load it further; a budget limits them to a share "
                    "of the calls. Steady retries mean a fault that nobody repairs.",
                    {"{{upstream}}": "sum by (upstream) (rate(gateway_retries_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Answers from fallbacks",
                    "Callers get another model's answer, at another price. It should be 0 in good times.",
                    {"{{fallback}}": "sum by (fallback) (rate(gateway_fallbacks_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Refused because the queue is full",
                    "queue_full: more calls came than the queue holds. queue_timeout: they waited long, and in vain; "
                    "then the queue is too long for this upstream. 503 is honest; more capacity is better.",
                    {"{{reason}}": "sum by (reason) (rate(gateway_shed_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Waiting for room",
                    "How many wait in the queue. A queue that never empties means too little capacity.",
                    {"waiting": "sum(inference_queue_depth)"},
                ),
            ],
            "Memory and batches": [
                lines(
                    "Memory",
                    "Of all workers, and of the largest. A sawtooth is a cache at work; a slope that never falls is a "
                    "leak, and MemoryGrows will say so.",
                    {"all": "sum(process_memory_bytes)", "largest worker": "max(process_memory_worst_bytes)"},
                    "bytes",
                ),
                lines(
                    "Memory pressure",
                    "0 normal, 1 watch, 2 caches are emptied, 3 new work is refused. From 1 on, find out what grew.",
                    {"pressure": "max(gateway_memory_pressure)", "cleanups": "sum(gateway_memory_cleanups_total)"},
                    limit=3,
                ),
                lines(
                    "Batches of prompts",
                    "How many /generate/batch requests are being answered, and how many prompts the larger ones have. "
                    "Large batches wait for each other: MAX_CONCURRENT says how many prompts run at once.",
                    {
                        "being answered": 'sum(inference_active_batches{job="gateway"})',
                        "prompts, p95": (
                            "histogram_quantile(0.95, sum by (le) "
                            '(rate(inference_batch_size_bucket{job="gateway"}[$__rate_interval])))'
                        ),
                    },
                ),
                lines(
                    "Webhooks",
                    "By outcome. Refused ones mean a wrong secret, a wrong clock, or an attack.",
                    {"{{outcome}}": "sum by (outcome) (rate(gateway_webhooks_total[$__rate_interval]))"},
                    "reqps",
                ),
            ],
        },
    )
