"""Minutes of steady load on Ray Serve as in laptop.yaml, with replicas that come and go: is every request answered?

In: the URL of an OpenAI API, and how many minutes. Out: gates over what `vllm bench serve` measured. Requests come at
random moments, whether earlier ones are answered or not.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadtests.bench.cores import machine
from loadtests.bench_serving.client import Client, Load
from loadtests.gate import Gate

A_MINUTE = 160  # answers, the bar of the design
OFFERED = 200  # requests per minute: at random moments, some minutes have fewer
MOST_FAILED = 0.01


def sustain(url: str, model: str, minutes: int, folder: Path) -> dict[str, Any]:
    """The summary and the gates. Raises CannotStart without the serving environment."""
    with Client(model, folder) as client:
        client.measure(url, 20, connections=5, seed=99)
        load = client.measure(url, OFFERED * minutes, per_second=OFFERED / 60)
    found = asdict(load)
    del found["ended"]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "minutes": minutes,
        **found,
        "gates": [asdict(gate) for gate in gates(load)],
    }


def gates(load: Load) -> list[Gate]:
    slowest = min(answers_a_minute(load.ended), default=0)
    share = load.failed / load.requests
    return [
        Gate("answers in each minute", slowest >= A_MINUTE, f"≥ {A_MINUTE}", str(slowest)),
        Gate("failed requests", share < MOST_FAILED, f"< {MOST_FAILED:.0%}", f"{share:.2%}"),
    ]


def answers_a_minute(ended: Sequence[float]) -> list[int]:
    """The answers in each whole minute, from the first to the last."""
    if not ended:
        return []
    first = min(ended)
    counts = Counter(int((moment - first) // 60) for moment in ended)
    return [counts[minute] for minute in range(int((max(ended) - first) // 60))]
