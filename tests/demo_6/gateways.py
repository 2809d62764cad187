"""Gateways of demo 6 with one deliberate fault each: each loses requests when the cluster behind it fails.

Each function builds an application as `demos.demo_6_ray_serve_vllm.app:build` does, and runs as
`python -m shared.server tests.demo_6.gateways:falls_back_to_nobody`. test_gateways.py says which check must catch them.
"""

import pytest
from fastapi import FastAPI

from demos.demo_4_streaming import app as demo_4
from demos.demo_6_ray_serve_vllm import app as demo
from shared.layers import fallback
from shared.layers.fallback import Fallback
from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.settings import Settings


class Nobody(Fallback):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        return await next(call)


def falls_back_to_nobody(settings: Settings) -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_4, "Fallback", Nobody)
        return demo.build(settings)


def waits_for_the_cluster(settings: Settings) -> FastAPI:
    """A cluster without replicas holds requests until it has one: a try without a time-out takes the whole deadline."""
    return demo.build(settings.model_copy(update={"try_timeout": 0.0}))


def says_nothing_of_the_fallback(settings: Settings) -> FastAPI:
    fallback._note = lambda call, name: None
    return demo.build(settings)
