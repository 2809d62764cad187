"""Demo 4, your version: the same stack, with your breaker and your two ends of a stream.

`make demo-4 SOLUTION=exercise` runs it, `make grade-4 SOLUTION=exercise` grades it.
"""

from fastapi import FastAPI

from demos.demo_4_streaming import app as demo_4
from demos.demo_4_streaming.exercise.breaker import Breaker
from demos.demo_4_streaming.exercise.streams import Events, relay
from shared.settings import Settings


def build(settings: Settings) -> FastAPI:
    return demo_4.build(
        settings,
        title=f"{demo_4.TITLE}, your version",
        relay=relay,  #        task 1
        breaker=Breaker,  #    task 2
        events=Events,  #      task 3
    )
