"""Demo 6 · The full deployment: vLLM under Ray Serve, and this gateway in front.

The gateway of demo 5, with one more layer. The new part stands behind it, see serving/ray_serve: the answers come from
a cluster that grows, shrinks, and loses a machine now and then.
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
        ],  # new: an upstream that is silent for this long loses the call to a fallback
    )
