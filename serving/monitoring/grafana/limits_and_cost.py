"""Who uses the service, what they cost, and which calls it refuses: by tenant and by model."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from serving.monitoring.grafana.panel import board, lines, number, usual

HOUR = 3600


def limits_and_cost() -> Dashboard:
    return board(
        "llm-gateway-limits-and-cost",
        "Limits and cost by tenant",
        "A tenant is a user's name; all strangers are one tenant, anonymous. Beyond the first hundred, all are other.",
        {
            "Cost": [
                number(
                    "US dollars per hour",
                    "At the pace of the last two minutes. The budget is in cost.yml; ten minutes above it page "
                    "somebody.",
                    "cost:pace:usd_per_hour_rate2m",
                    "currencyUSD",
                    worry_at=6,
                ),
                number(
                    "Times the usual",
                    "The pace now, compared with the hour before. From 3 on, if the sum matters, there is a ticket: "
                    "which tenant, which model?",
                    "cost:pace:usd_per_hour_rate2m / (cost:pace_before:usd_per_hour_avg1h > 0)",
                    worry_at=3,
                ),
                number(
                    "US dollars per 1000 requests",
                    "Rises with longer prompts, longer answers, a more expensive model, and fewer cache hits.",
                    "1000 * sum(rate(gateway_cost_usd_total[$__rate_interval]))"
                    " / sum(rate(inference_requests_total[$__rate_interval]))",
                    "currencyUSD",
                ),
                number(
                    "Output tokens per second",
                    "What the engines make for us now. Flat while demand rises: that is their limit.",
                    "sum(inference_tokens_per_second)",
                ),
            ],
            "Cost over time": [
                usual(
                    "US dollars per hour, and the usual",
                    "Outside of the band for ten minutes there is a ticket. If the requests in Service overview left "
                    "theirs too, there is only more traffic.",
                    "cost",
                    "currencyUSD",
                ),
                lines(
                    "US dollars per hour, by tenant",
                    "A tenant above the red line has a ticket. Ask them; a leaked token looks just like this, and "
                    "make revoke ends it.",
                    {"{{tenant}}": "tenant:cost_pace:usd_per_hour_rate2m"},
                    "currencyUSD",
                    limit=1.5,
                ),
                lines(
                    "US dollars per hour, by model",
                    "A step from one model to a more expensive one is often a changed default, or a fallback at work.",
                    {"{{model}}": f"{HOUR} * sum by (model) (rate(gateway_cost_usd_total[$__rate_interval]))"},
                    "currencyUSD",
                    stacked=True,
                ),
                lines(
                    "Tokens per second, by model",
                    "Input grows when prompts or conversations do, output when max_tokens is generous. Output is the "
                    "expensive one.",
                    {
                        "{{model}} {{direction}}": (
                            "sum by (model, direction) (rate(gateway_tokens_total[$__rate_interval]))"
                        )
                    },
                ),
            ],
            "Callers": [
                lines(
                    "Requests, by tenant",
                    "One tenant's step up is theirs to explain; a step up of all tenants is good news for you.",
                    {"{{tenant}}": "sum by (tenant) (rate(gateway_tenant_requests_total[$__rate_interval]))"},
                    "reqps",
                    stacked=True,
                ),
                lines(
                    "Tokens per second, by tenant",
                    "Compare with the requests: many tokens in few requests are long documents, or a loop.",
                    {"{{tenant}}": "sum by (tenant) (rate(gateway_tenant_tokens_total[$__rate_interval]))"},
                    stacked=True,
                ),
            ],
            "Refusals": [
                lines(
                    "Refused by limits",
                    "Which limit refuses: requests or tokens, per minute or per hour. A steady line is a client that "
                    "ignores Retry-After; with many tenants at once, the limit is too low.",
                    {"{{limit}}": "sum by (limit) (rate(gateway_rate_limit_refusals_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Refused, by tenant",
                    "For missing rights, limits, budget, or lack of room. Tell that tenant before they tell you.",
                    {"{{tenant}}": "sum by (tenant) (rate(gateway_tenant_refusals_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Refused at the edge",
                    "Refused before they became a call, so without a log line: too many at once, headers too large, "
                    "not HTTP at all. The first needs workers, the others come from strangers' scanners.",
                    {"{{reason}}": "sum by (reason) (rate(gateway_edge_refusals_total[$__rate_interval]))"},
                    "reqps",
                ),
            ],
        },
    )
