"""A new version of the app puts the time of day before each question: no two are equal, so all go to the upstream."""

import random
import time

from workshop.drills.drill import Drill
from workshop.drills.questions import Alert, Choice, Number, by
from workshop.drills.traffic import Request, popular

ALERTS = frozenset({"CacheHitRateCollapsed", "QueueSheds"})


def with_the_time(chance: random.Random) -> Request:
    """A popular question, made unique."""
    request = popular(chance)
    return Request(request.path, {**request.body, "prompt": f"{time.time():.6f} {request.body['prompt']}"})


STAMPEDE = Drill(
    name="stampede",
    complaint="“Since we released the new version of our app it is slow, and half of our users are told to come back "
    "later. We do not have more users than before. The upstream? It is as quick as ever, they say.”",
    first=popular,
    then=with_the_time,
    settings={"HTTP_MAX_CONNECTIONS": "1", "QUEUE_MAX_SIZE": "4"},
    alerts=ALERTS,
    besides=frozenset({"ErrorBudgetBurnsFast", "LatencyBudgetBurnsFast"}),
    questions=[
        Choice(
            "What has changed?",
            (
                "there are more requests: inference_requests_total grows faster",
                "each upstream call takes longer",
                "the cache no longer finds the same questions",
                "the rate limit refuses more",
            ),
            right=2,
            why="inference_cache_hits_total stands still; all calls go to the upstream, which has room for a few",
        ),
        Number(
            "Of a hundred requests in the last half minute, how many were shed? (fifteen more or less are right)",
            "100 * sum(rate(gateway_shed_total[30s])) / sum(rate(inference_requests_total[30s]))",
            by(15),
        ),
        Alert(ALERTS, why="one is the cause, the other is what users notice"),
        Choice(
            "What do you do first?",
            (
                "raise CACHE_MAX_SIZE and CACHE_RESPONSES_TTL",
                "raise QUEUE_MAX_SIZE",
                "raise MAX_RETRIES",
                "roll the new version back, and find out what it adds to its prompts",
            ),
            right=3,
            why="even the largest cache does not help when no question comes twice; the lengths of the prompts in the "
            "log (prompt_length) have all grown by the same number",
        ),
    ],
)
