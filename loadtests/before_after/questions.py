"""The traffic: questions of which a few are asked often and most hardly ever (Zipf).

In: how many. Out: the bodies of `POST /generate`. The same seed draws the same questions in the same order, so that
every contender gets the same traffic, and a cache the same chances.
"""

import json
import random
from collections.abc import Sequence

from loadtests.before_after.model import ANSWER_TOKENS, MODEL

DIFFERENT = 2000
EXPONENT = 1.0  # the question of rank r is asked 1/r as often as the first
SEED = 3
WEIGHTS = [1 / (rank + 1) ** EXPONENT for rank in range(DIFFERENT)]


def ranks(count: int, seed: int = SEED) -> list[int]:
    """The first `count` questions, each by its rank: 0 is the most popular one."""
    return random.Random(seed).choices(range(DIFFERENT), WEIGHTS, k=count)


def repeats(asked: Sequence[int], since: int = 0) -> float:
    """The share of the questions from number `since` on that were asked before: no cache of answers can hit more."""
    seen, again = set(asked[:since]), 0
    for rank in asked[since:]:
        again += rank in seen
        seen.add(rank)
    return again / max(len(asked) - since, 1)


def bodies(asked: Sequence[int], run: str) -> list[bytes]:
    """One request for each. `run` makes them new: a service that was asked in another run has no answer to them.

    Temperature 0, because answers that a model would not repeat are not cached.
    """
    return [
        json.dumps(
            {
                "prompt": f"{run}: question {rank}",
                "model": MODEL,
                "temperature": 0,
                "max_tokens": ANSWER_TOKENS,
            }
        ).encode()
        for rank in asked
    ]
