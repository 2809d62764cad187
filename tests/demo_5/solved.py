"""Demo 5's exercise, solved as the third hints in HINTS.md say: an attendee's finished parts.

`build` is the attendee's own stack, with this layer in place of the starter's. The rules are in cost_alert.yml and
business.yml.
"""

import time

import pytest
from fastapi import FastAPI
from prometheus_client import Histogram

from demos.demo_5_observability.exercise import app as exercise
from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply, TokenStream
from shared.settings import Settings


class FirstToken:
    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if isinstance(reply, TokenStream):
            model = reply.first.model or call.request.model
            self._seconds.labels(model).observe(time.perf_counter() - call.started)
        return reply


def build(settings: Settings) -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exercise, "FirstToken", FirstToken)
        return exercise.build(settings)
