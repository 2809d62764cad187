"""The upstream answers, and takes three seconds longer for it."""

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
            why="gateway_overhead_seconds and gateway_queue_seconds are as small as ever; what remains is the "
            "upstream, and what comes from the cache is quick",
        ),
        Word(
            "The span that takes longest in the trace of a slow request",
            lambda evidence: evidence.longest_span(least_ms=2000),
            why="the call of the upstream, with nearly all of the request's time in it",
        ),
        Number(
            "The 95th percentile of gateway_request_duration_seconds in the last half minute, answers in one piece "
            "alone, in seconds (right is what lies in the same bucket)",
            "histogram_quantile(0.95, sum by (le) "
            '(rate(gateway_request_duration_seconds_bucket{endpoint="/generate"}[30s])))',
            within((0.5, 1, 2.5, 5, 10)),
        ),
        Alert(ALERTS, why="people wait, and nothing fails"),
        Choice(
            "What do you do first?",
            (
                "raise MAX_RETRIES",
                "tell who runs the upstream, with a trace; ask another model meanwhile",
                "raise QUEUE_MAX_SIZE",
                "restart the gateway",
            ),
            right=1,
            why="nothing of ours is slow: more tries and a longer queue add to the wait, and a restart empties the "
            "cache, which is all that is still quick",
        ),
    ],
)
