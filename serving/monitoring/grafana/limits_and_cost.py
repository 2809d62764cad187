"""Who uses the service, what they cost, and whom it refuses: by tenant and by model."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from serving.monitoring.grafana.panel import board, lines, number

HOUR = 3600


def limits_and_cost() -> Dashboard:
    return board(
        "llm-gateway-limits-and-cost",
        "Limits and cost by tenant",
        "A tenant is a user's name; all strangers are one, anonymous. Tenants beyond the first hundred are one, other.",
        {
            "What it costs": [
                number(
                    "US dollars an hour",
                    "At the pace of the last two minutes. The budget stands in cost.yml; a page comes when ten minutes "
                    "were over it.",
                    "cost:pace:usd_per_hour_rate2m",
                    "currencyUSD",
                    worry_at=6,
                ),
                number(
                    "Times the usual",
                    "The pace now beside the hour before it. From 3 on, if it is money at all, there is a ticket: "
                    "which tenant, which model?",
                    "cost:pace:usd_per_hour_rate2m / (cost:pace_before:usd_per_hour_avg1h > 0)",
                    worry_at=3,
                ),
                number(
                    "US dollars for 1000 requests",
                    "Rises with longer prompts, longer answers, a dearer model, and fewer hits of the cache.",
                    "1000 * sum(rate(gateway_cost_usd_total[$__rate_interval]))"
                    " / sum(rate(inference_requests_total[$__rate_interval]))",
                    "currencyUSD",
                ),
                number(
                    "Output tokens a second",
                    "What the engines make for us now. Flat under rising demand: that is their limit.",
                    "sum(inference_tokens_per_second)",
                ),
            ],
            "Who spends it": [
                lines(
                    "US dollars an hour, by tenant",
                    "Somebody over the red line has a ticket. Ask them; a leaked token looks just like this, and "
                    "make revoke ends it.",
                    {"{{tenant}}": "tenant:cost_pace:usd_per_hour_rate2m"},
                    "currencyUSD",
                    limit=1.5,
                ),
                lines(
                    "US dollars an hour, by model",
                    "A step from one model to a dearer one is often a changed default, or a fallback at work.",
                    {"{{model}}": f"{HOUR} * sum by (model) (rate(gateway_cost_usd_total[$__rate_interval]))"},
                    "currencyUSD",
                    stacked=True,
                ),
                lines(
                    "Tokens a second, by model",
                    "Input grows when prompts or conversations do, output when max_tokens is generous. The dear one is "
                    "output.",
                    {
                        "{{model}} {{direction}}": (
                            "sum by (model, direction) (rate(gateway_tokens_total[$__rate_interval]))"
                        )
                    },
                ),
            ],
            "Who asks": [
                lines(
                    "Requests, by tenant",
                    "One tenant's step up is theirs to explain; all tenants' step up is yours to be glad of.",
                    {"{{tenant}}": "sum by (tenant) (rate(gateway_tenant_requests_total[$__rate_interval]))"},
                    "reqps",
                    stacked=True,
                ),
                lines(
                    "Tokens a second, by tenant",
                    "Beside the requests: many tokens in few requests are long documents, or a loop that feeds itself.",
                    {"{{tenant}}": "sum by (tenant) (rate(gateway_tenant_tokens_total[$__rate_interval]))"},
                    stacked=True,
                ),
            ],
            "Whom we refuse": [
                lines(
                    "Refused by a limit",
                    "Which limit is met: requests or tokens, of a minute or of an hour. A steady line is a client that "
                    "ignores Retry-After; many tenants at once, and the limit is too low.",
                    {"{{limit}}": "sum by (limit) (rate(gateway_rate_limit_refusals_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Refused, by tenant",
                    "For rights, limits, budget, or want of room. Tell that tenant before they tell you.",
                    {"{{tenant}}": "sum by (tenant) (rate(gateway_tenant_refusals_total[$__rate_interval]))"},
                    "reqps",
                ),
                lines(
                    "Refused at the door",
                    "Before they were a call, and so without a line in the log: too many at once, heads too large, not "
                    "HTTP at all. The first wants workers, the others come from strangers' scanners.",
                    {"{{reason}}": "sum by (reason) (rate(gateway_edge_refusals_total[$__rate_interval]))"},
                    "reqps",
                ),
            ],
        },
    )
