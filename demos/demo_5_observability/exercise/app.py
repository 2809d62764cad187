"""Demo 5, your version: the same stack, with the layer that you write. Your rules are cost_alert.yml and business.yml.

`make demo-5 SOLUTION=exercise` runs it, with your rules; `make grade-5 SOLUTION=exercise` grades all three.
"""

from fastapi import FastAPI

from demos.demo_5_observability import app as demo_5
from demos.demo_5_observability.exercise.first_token import FirstToken
from shared.layers.metrics import Metrics
from shared.settings import Settings
from shared.telemetry.metrics import first_token as first_token_seconds


def build(settings: Settings) -> FastAPI:
    return demo_5.build(
        settings,
        title=f"{demo_5.TITLE}, your version",
        metrics=[
            Metrics(first_tokens=False),
            FirstToken(first_token_seconds),  #    task 1
        ],
    )
