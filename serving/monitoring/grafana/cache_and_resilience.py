"""What saves calls, and what saves callers: the cache, retries, breakers, fallbacks, the queue, memory."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from serving.monitoring.grafana.panel import board, lines, number


def cache_and_resilience() -> Dashboard:
    return board(
        "llm-gateway-cache-and-resilience",
        "Cache and resilience",
        "Callers may be well while the upstream is not. What is hidden from them shows here, and what it costs.",
        {
            "The cache": [
                number(
                    "Hit rate",
                    "Look-ups that were answered without a call. Half of what it was before: each miss is paid for, so "
                    "find out what changed, the prompts, their temperature, or the cache's size.",
                    "cache:hits:ratio_rate1m",
                    "percentunit",
                ),
                lines(
                    "Look-ups by result",
                    "hit and coalesced cost nothing, miss is a call. bypass never asks the cache: sampled answers, or "
                    "clients that say no-cache; many of them, and the cache cannot help.",
                    {"{{result}}": "sum by (result) (rate(gateway_cache_requests_total[$__rate_interval]))"},
                    "reqps",
                    stacked=True,
                ),
                lines(
                    "Look-ups by where it is kept",
                    "memory, where redis was meant, means that Redis is gone; it comes back by itself once Redis does.",
                    {"{{tier}}": "sum by (tier) (rate(gateway_cache_requests_total[$__rate_interval]))"},
                    "reqps",
                    stacked=True,
                ),
            ],
            "The upstream": [
                lines(
                    "Tries by what came of them",
                    "Each try of ours, retries included. 429: our plan with them is too small. 5xx and cut: they are "
                    "ill. connect: they are gone. timeout: they hang, or TIMEOUT is too short. left: our caller went.",
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
                    "The share of tries, over two minutes. From 10 % failing, or 5 % throttled, on there is a ticket; "
                    "callers may not notice yet.",
                    {
                        "{{upstream}} failing": "upstream:failed:ratio_rate2m",
                        "{{upstream}} throttled": "upstream:throttled:ratio_rate2m",
                    },
                    "percentunit",
                ),
                lines(
                    "Open circuit breakers",
                    "Above 0 an upstream is left alone, and its callers get a fallback or 503. It closes by itself "
                    "when probes succeed. One that opens again and again: the upstream is only half well.",
                    {"{{upstream}}": "sum by (upstream) (gateway_circuits_open)"},
                    limit=1,
                ),
                lines(
                    "Breakers that opened",
                    "How often within ten minutes. Each opening began with five failures, or with half of all failing.",
                    {"{{upstream}}": "sum by (upstream) (increase(circuit_breaker_open_total[10m]))"},
                ),
            ],
            "What saves callers": [
                lines(
                    "Retries",
                    "For each upstream. They hide its faults and load it further; a budget holds them to a share of "
                    "the calls. Steady retries are a fault that nobody mends.",
                    {"{{upstream}}": "sum by (upstream) (rate(gateway_retries_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Answers of a fallback",
                    "Callers get another model's answer, at another price. It should be 0 in good times.",
                    {"{{fallback}}": "sum by (fallback) (rate(gateway_fallbacks_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Sent away for want of room",
                    "queue_full: more came than the queue holds. queue_timeout: they waited for long, and for nothing; "
                    "then the queue is too long for what the upstream does. 503 is honest; more capacity is better.",
                    {"{{reason}}": "sum by (reason) (rate(gateway_shed_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Waiting for room",
                    "How many stand in the queue. One that never empties is too little capacity, not too much load.",
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
                    "0 normal, 1 look, 2 caches are emptied, 3 no more work is taken. From 1 on find out what grew.",
                    {"pressure": "max(gateway_memory_pressure)", "cleanups": "sum(gateway_memory_cleanups_total)"},
                    limit=3,
                ),
                lines(
                    "Batches of prompts",
                    "How many /generate/batch requests are being answered, and how many prompts the larger ones have. "
                    "Large batches wait for each other: MAX_CONCURRENT says how many prompts go at once.",
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
                    "What came of them. Refused ones are a wrong secret, a wrong clock, or somebody who tries.",
                    {"{{outcome}}": "sum by (outcome) (rate(gateway_webhooks_total[$__rate_interval]))"},
                    "reqps",
                ),
            ],
        },
    )
