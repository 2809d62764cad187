"""Demo 6 · The full deployment: vLLM under Ray Serve, and this gateway in front.

The gateway of demo 5 and one layer more. What is new stands behind it, see serving/ray_serve: who answers is a cluster
that grows, shrinks, and loses a machine now and then.
"""

from fastapi import FastAPI

from demos.demo_5_observability import app as demo_5
from shared.layers.try_timeout import TryTimeout
from shared.settings import Settings


def build(settings: Settings) -> FastAPI:
    return demo_5.build(
        settings,
        title="Demo 6 · The full deployment",
        innermost=[
            TryTimeout(settings.try_timeout)
        ],  # new: an upstream that is silent for so long loses the call to a fallback
    )
