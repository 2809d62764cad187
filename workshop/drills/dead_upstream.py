"""Nobody listens at the upstream's address: connections are refused, and the breaker opens."""

from collections import Counter

from workshop.drills.drill import Drill
from workshop.drills.evidence import Evidence, NoEvidence
from workshop.drills.questions import Alert, Choice, Number, Word, by
from workshop.translation.phrases import say

ALERTS = frozenset({"ErrorBudgetBurnsFast", "CircuitIsOpen", "ModelServerIsDown"})


def usual_error(evidence: Evidence) -> str:
    """The most frequent error code among the log's lines of the last half minute."""
    codes = Counter(line["error"] for line in evidence.lines(30) if line["error"])
    if not codes:
        raise NoEvidence(say("no line of the log's last half minute has an error"))
    most, _ = codes.most_common(1)[0]
    return str(most)


DEAD_UPSTREAM = Drill(
    name="dead-upstream",
    complaint="“Nearly every request gets an error, and at once. The odd question still works, as if nothing had "
    "happened. I cannot make sense of it.”",
    fault={"refuse_s": 600},
    alerts=ALERTS,
    besides=frozenset({"UpstreamFails", "RetriesMount", "FirstTokenIsSlow"}),
    questions=[
        Choice(
            "Where do most of the errors come from by now?",
            (
                "from the upstream, which answers 500",
                "from the circuit breaker, which does not even ask the upstream",
                "from the rate limit",
                "from the deadline: the upstream does not answer in time",
            ),
            right=1,
            why="gateway_circuits_open is 1, and gateway_upstream_calls_total has almost no new calls; those that it "
            'has say status="connect"',
        ),
        Word("The most frequent error code in logs.json", usual_error, why="jq .error logs.json says so"),
        Number(
            "Of a hundred requests in the last half minute, how many got a 200? (ten more or less are right)",
            '100 * (sum(rate(gateway_requests_total{status="200"}[30s])) or vector(0))'
            " / sum(rate(gateway_requests_total[30s]))",
            by(10),
        ),
        Alert(ALERTS, why="the upstream is gone, so the breaker opens, so requests fail"),
        Choice(
            "What do you do first?",
            (
                "bring the upstream back, or name another in FALLBACKS",
                "reset the breaker: POST /debug/circuit-breakers/reset",
                "raise MAX_RETRIES",
                "restart the gateway",
            ),
            right=0,
            why="the breaker is right: if it closed, everybody would wait for a refused connection; it closes by "
            "itself later. And a restart empties the cache, which still answers the odd question",
        ),
    ],
)
