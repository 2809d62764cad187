"""Demo 1's exercise, solved as the third hints in HINTS.md say: an attendee's finished guards.

`build` is the attendee's own stack, with these guards in place of the starter's.
"""

import asyncio
import hashlib
import random
import time
from typing import Any

import pytest
from fastapi import FastAPI

from demos.demo_1_guarded.exercise import app as exercise
from shared.pipeline.call import Call
from shared.pipeline.errors import DeadlineExceeded, InvalidRequest, UpstreamError, UpstreamRateLimited
from shared.pipeline.layer import Handler
from shared.pipeline.outcome import Outcome, Usage
from shared.pipeline.reply import Reply
from shared.settings import Settings


class InputLimit:
    def __init__(self, max_chars: int) -> None:
        self.max_chars = max_chars

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if len(call.request.prompt) > self.max_chars:
            length = len(call.request.prompt)
            raise InvalidRequest(f"{length} characters; at most {self.max_chars}", param="prompt")
        return await next(call)


class Deadline:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.deadline = call.started + self.seconds
        try:
            async with asyncio.timeout(call.remaining()):
                return await next(call)
        except TimeoutError:
            raise DeadlineExceeded("the time is up") from None


class RetryTransient:
    def __init__(self, max_retries: int, delay: float) -> None:
        self.max_retries = max_retries
        self.delay = delay

    async def __call__(self, call: Call, next: Handler) -> Reply:
        while True:
            try:
                return await next(call)
            except UpstreamError as error:
                wait = max(self.delay * 2**call.retries * random.uniform(0.8, 1.2), error.retry_after or 0)
                if not error.retryable or call.retries == self.max_retries or wait >= call.remaining():
                    if isinstance(error, UpstreamRateLimited) and error.retry_after is None:
                        error.retry_after = wait
                    raise
                call.retries += 1
                await asyncio.sleep(wait)


def log_record(call: Call, outcome: Outcome) -> dict[str, Any]:
    return {
        "request_id": call.request_id,
        "timestamp": time.time(),
        "latency_ms": call.elapsed_ms(),
        "prompt_hash": hashlib.sha256(call.request.prompt.encode()).hexdigest()[:16],
        "prompt_length": len(call.request.prompt),
        "response_length": outcome.response_length,
        "tokens_input": outcome.usage.input,
        "tokens_output": outcome.usage.output,
        "tokens_total": outcome.usage.total,
        "cost_usd": outcome.cost_usd,
        "model": outcome.model or call.request.model,
    }


class Tariff:
    PRICES = dict.fromkeys(("gpt-4o-mini", "workshop-tiny", "workshop-sim"), (0.15, 0.60))
    DEFAULT = 0.15, 0.60

    def cost(self, model: str, usage: Usage) -> tuple[float, str]:
        price_in, price_out = self.PRICES.get(model, self.DEFAULT)
        dollars = usage.input / 1_000_000 * price_in + usage.output / 1_000_000 * price_out
        return round(dollars, 6), "model" if model in self.PRICES else "default"


def build(settings: Settings) -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        for guard in (InputLimit, Deadline, RetryTransient, log_record, Tariff):
            patch.setattr(exercise, guard.__name__, guard)
        return exercise.build(settings)
