"""Is the service well? The requests, the answers, their speed, and how much of the error budget is spent."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from serving.monitoring.grafana.panel import board, lines, number, usual

ERRORS = (
    "sum(rate(inference_errors_5xx_total[$__rate_interval])) / sum(rate(inference_requests_total[$__rate_interval]))"
)


def quantile(share: float, histogram: str, by: str = "") -> str:
    """PromQL for a histogram's quantile, over all instances, for each value of the labels `by`."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket[$__rate_interval])))"


def overview() -> Dashboard:
    return board(
        "llm-gateway-overview",
        "Service overview",
        "Look here first. From left to right and top to bottom: is there traffic, does it fail, is it slow, and why.",
        {
            "Health": [
                number(
                    "Requests per second",
                    "The rate of requests. None at all, when there should be some, is a fault in front of us.",
                    "sum(rate(inference_requests_total[$__rate_interval]))",
                    "reqps",
                ),
                number(
                    "Failing",
                    "The share of requests that end with our fault (5xx). Above 0.5 % for long, the month's promise "
                    "is broken: the panel by status below shows which fault it is.",
                    ERRORS,
                    "percentunit",
                    worry_at=0.005,
                ),
                number(
                    "Slower than 2.5 s",
                    "The share of whole answers that took longer than promised, over 5 minutes. Above 5 %: find out "
                    "below whether the queue or the upstream takes the time.",
                    "slo:slow_answers:ratio_rate5m",
                    "percentunit",
                    worry_at=0.05,
                ),
                number(
                    "US dollars per hour",
                    "What the answers of the last two minutes cost, projected to an hour. If it surprises you, open "
                    "Limits and cost.",
                    "cost:pace:usd_per_hour_rate2m",
                    "currencyUSD",
                ),
                number(
                    "Firing alerts",
                    "As the webhooks told us. Above 0 there is a runbook to open: serving/monitoring/README.md.",
                    "max(gateway_alerts_firing)",
                    worry_at=1,
                ),
                number(
                    "Up since",
                    "How long the oldest worker has run. If it falls to 0 unexpectedly, the service restarted: why?",
                    "min(process_uptime_seconds)",
                    "s",
                ),
            ],
            "As usual?": [
                usual(
                    "Requests per second, and the usual",
                    "The band is what the hour before, this time of yesterday, and that of last week allow. After ten "
                    "minutes outside of it there is a ticket. With less than ninety minutes of history, there is none.",
                    "requests",
                    "reqps",
                ),
                usual(
                    "Errors, and the usual",
                    "The share of requests that end with a 4xx or 5xx. A step is a broken client, or a release, theirs "
                    "or ours: the panel by status below shows which.",
                    "errors",
                    "percentunit",
                ),
                usual(
                    "Duration p95, and the usual",
                    "Of whole answers, without streams. A step at the same traffic is the upstream, or longer prompts.",
                    "latency",
                    "s",
                ),
                lines(
                    "Place in the band",
                    "0 is the least that is usual, 1 the most, also for numbers of your own (business.yml). Several "
                    "that leave the band at the same time have one cause.",
                    {
                        "{{anomaly_name}}": "(anomaly:level - anomaly:lower_band)"
                        " / (anomaly:upper_band - anomaly:lower_band)"
                    },
                    limit=1,
                ).min(-1),
            ],
            "Requests and results": [
                lines(
                    "Requests by endpoint",
                    "Which endpoint grew? A new client shows as a step in one colour.",
                    {"{{endpoint}}": "sum by (endpoint) (rate(gateway_requests_total[$__rate_interval]))"},
                    "reqps",
                    stacked=True,
                ),
                lines(
                    "Requests by status",
                    "401 and 403: keys. 429: limits, ours or the upstream's. 502 and 504: the upstream has a fault. "
                    "503: we shed load, or a breaker is open. 500 should never occur: find its request id in the log.",
                    {"{{status}}": "sum by (status) (rate(gateway_requests_total[$__rate_interval]))"},
                    "reqps",
                    stacked=True,
                ),
                lines(
                    "Error budget burn",
                    "1 spends the month's budget in a month. Above 14.4 somebody is paged; above 1 for days there is a "
                    "ticket. Failures and slow answers have separate budgets.",
                    {"failing": "slo:errors:burn_rate1h", "slow": "slo:slow_answers:burn_rate1h"},
                    limit=14.4,
                ),
            ],
            "Latency": [
                lines(
                    "Duration",
                    "From the request's arrival to the last byte. A p99 far above a calm p50 hits few people hard: "
                    "look at a slow trace. If all are up: the upstream, or the queue.",
                    {
                        "p50": quantile(0.5, "gateway_request_duration_seconds"),
                        "p95": quantile(0.95, "gateway_request_duration_seconds"),
                        "p99": quantile(0.99, "gateway_request_duration_seconds"),
                    },
                    "s",
                    limit=2.5,
                ),
                lines(
                    "Time to first token, p95",
                    "What people notice of a stream. Above a second they look at an empty screen: allow fewer at the "
                    "same time, use shorter prompts, or add engines.",
                    {"{{model}}": quantile(0.95, "gen_ai_server_time_to_first_token_seconds", "model")},
                    "s",
                    limit=1,
                ),
                lines(
                    "Time per token, p95",
                    "How fast a stream flows once it has begun; people read about one token per 0.1 s. If it rises "
                    "with load, the engine's batches are too large.",
                    {"{{model}}": quantile(0.95, "gen_ai_server_time_per_output_token_seconds", "model")},
                    "s",
                ),
            ],
            "Where the time goes": [
                lines(
                    "Wait in our queue, p95",
                    "0 while there is room. If it rises, more calls come than HTTP_MAX_CONNECTIONS admits: is the "
                    "upstream slow, or is there more demand?",
                    {"queue": quantile(0.95, "gateway_queue_seconds")},
                    "s",
                ),
                lines(
                    "The gateway's own time, p95",
                    "A request's time minus its wait for upstreams; the queue is part of it. Milliseconds are normal. "
                    "If it is more without a queue, our own process lacks CPU time: add workers.",
                    {"overhead": quantile(0.95, "gateway_overhead_seconds")},
                    "s",
                ),
                lines(
                    "In progress",
                    "Requests in progress now, and how many of them wait. Near UVICORN_LIMIT_CONCURRENCY times the "
                    "number of workers, new ones are refused.",
                    {"inside": "sum(inference_active_connections)", "waiting": "sum(inference_queue_depth)"},
                ),
                lines(
                    "Processor",
                    "Of all workers together; 100 % is one core. When it equals the number of workers, there is no "
                    "more to get: add workers, or machines.",
                    {"{{instance}}": "process_cpu_percent"},
                    "percent",
                ),
            ],
        },
    )
