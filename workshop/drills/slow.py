"""The upstream still answers, but takes three seconds longer."""

from workshop.drills.drill import Drill
from workshop.drills.questions import Alert, Choice, Number, Word, within

ALERTS = frozenset({"LatencyBudgetBurnsFast", "FirstTokenIsSlow"})

SLOW = Drill(
    name="slow",
    complaint="“It was quick a minute ago. Now some answers come at once, and others take ages. None of them fails.”",
    fault={"latency_ms": 3000},
    alerts=ALERTS,
    questions=[
        Choice(
            "Where does a slow request spend its time?",
            (
                "in our own layers",
                "in the admission queue, until it has a place",
                "at the upstream",
                "in the cache, which has to look everything up",
            ),
            right=2,
            why="gateway_overhead_seconds and gateway_queue_seconds are as small as ever; only the upstream is left, "
            "and answers from the cache are still quick",
        ),
        Word(
            "The span that takes longest in the trace of a slow request",
            lambda evidence: evidence.longest_span(least_ms=2000),
            why="it is the call to the upstream, and it takes nearly all of the request's time",
        ),
        Number(
            "The 95th percentile of gateway_request_duration_seconds over the last half minute, in seconds, only for "
            'answers in one piece, endpoint="/generate" (a value in the same bucket is right)',
            "histogram_quantile(0.95, sum by (le) "
            '(rate(gateway_request_duration_seconds_bucket{endpoint="/generate"}[30s])))',
            within((0.5, 1, 2.5, 5, 10)),
        ),
        Alert(ALERTS, why="users wait, but nothing fails"),
        Choice(
            "What do you do first?",
            (
                "raise MAX_RETRIES",
                "tell the upstream's operators, with a trace, and use another model meanwhile",
                "raise QUEUE_MAX_SIZE",
                "restart the gateway",
            ),
            right=1,
            why="nothing of ours is slow: more tries and a longer queue make people wait longer, and a restart empties "
            "the cache, the only part that is still quick",
        ),
    ],
)
