"""The upstream refuses most calls: our quota there is used up."""

from workshop.drills.drill import Drill
from workshop.drills.questions import Alert, Choice, Number, by

ALERTS = frozenset({"UpstreamThrottles"})

THROTTLED = Drill(
    name="429",
    complaint="““Too many requests”, it tells me. I have asked one question today!”",
    fault={"status": 429, "rate": 0.7, "headers": {"retry-after-ms": "300"}},
    alerts=ALERTS,
    besides=frozenset({"RetriesMount", "FirstTokenIsSlow"}),
    questions=[
        Choice(
            "Who refuses?",
            (
                "our rate limit: this caller asks too often",
                "our budget: this caller has spent too much",
                "our admission queue: it is full",
                "the upstream",
            ),
            right=3,
            why='gateway_upstream_calls_total{status="429"} grows, while gateway_rate_limit_refusals_total and '
            "gateway_shed_total do not",
        ),
        Number(
            "Of a hundred calls to the upstream in the last half minute, how many did it refuse? "
            "(ten more or less are right)",
            '100 * sum(rate(gateway_upstream_calls_total{status="429"}[30s]))'
            " / sum(rate(gateway_upstream_calls_total[30s]))",
            by(10),
        ),
        Alert(ALERTS, why="RetriesMount is only a consequence"),
        Choice(
            "What do you do first?",
            (
                "raise RATE_LIMIT_ANONYMOUS_RPM, so that nobody is refused",
                "raise MAX_RETRIES, so that one of the tries gets through",
                "name another upstream in FALLBACKS, and ask this one for a higher quota",
                "lower CIRCUIT_BREAKER_FAILURE_THRESHOLD",
            ),
            right=2,
            why="the limit is not ours to raise; each retry is one more request that counts against it; and the "
            "breaker does not count a 429 as a failure",
        ),
    ],
)
