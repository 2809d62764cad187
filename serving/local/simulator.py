"""workshop-sim: it computes nothing, but queues, waits and counts as a real engine does. Its answers say SIMULATED.

In: chat requests. Out: Completions that take SIM_TTFT_MS for the first token and SIM_TPOT_MS for each further one, once
one of SIM_SLOTS slots is free (first come, first served). Uses no threads: everything is timers on the event loop.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from serving.local import tokens
from serving.local.chat_request import ChatRequest
from serving.local.completion import Delta
from serving.local.errors import context_length_exceeded, overloaded
from serving.local.metrics import ModelMetrics
from serving.local.simulated_choices import Script, scripts

# Above this many characters, counting moves off the event loop: 32 thousand characters take about two milliseconds.
LONG = 32_768


@dataclass(slots=True, frozen=True)
class Pace:
    """Times in seconds. `jitter` is the sigma of a log-normal factor with mean 1, on every wait."""

    first_token_s: float
    per_token_s: float
    jitter: float = 0.0
    seed: int = 0

    def factors(self, call: int) -> Sequence[float] | None:
        """None without jitter. The numbers depend on the seed and on the number of the call, not on timing."""
        if self.jitter == 0:
            return None
        source = random.Random(f"{self.seed}:{call}")
        return [math.exp(source.gauss(-(self.jitter**2) / 2, self.jitter)) for _ in range(64)]


class WorkshopSim:
    name = "workshop-sim"

    def __init__(
        self,
        slots: int,
        pace: Pace,
        output_tokens: int,
        queue_max: int | None,
        context_tokens: int,
        metrics: ModelMetrics,
    ) -> None:
        self.pace = pace
        self.metrics = metrics
        self.slots = asyncio.Semaphore(slots)  # first come, first served
        self.running = 0
        self.waiting = 0
        self.calls = 0
        self.context_tokens = context_tokens
        self._size = slots
        self._output_tokens = output_tokens
        self._queue_max = queue_max
        metrics.watch(lambda: self.running, lambda: self.waiting)

    @property
    def ready(self) -> bool:
        return True

    async def start(self) -> None:
        return

    def stop(self) -> None:
        return

    async def begin(self, request: ChatRequest) -> SimCompletion:
        prompt = "\n".join(message.text for message in request.messages)
        count = await asyncio.to_thread(tokens.count, prompt) if len(prompt) > LONG else tokens.count(prompt)
        if count >= self.context_tokens:
            raise context_length_exceeded(self.context_tokens, str(count))
        if self._queue_max is not None and self.running >= self._size and self.waiting >= self._queue_max:
            raise overloaded(f"The simulated queue is full ({self._queue_max} waiting). Try again later.", "queue_full")
        said = scripts(request, prompt, self._output_tokens, self.context_tokens - count)
        self.calls += 1
        return SimCompletion(self, count, said, request.stream, self.calls)


class SimCompletion:
    def __init__(self, sim: WorkshopSim, prompt_tokens: int, said: list[Script], streams: bool, call: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.choices = len(said)
        self.calls_tools = said[0].calls_tools
        self._sim = sim
        self._said = said
        self._steps = max(len(script.pieces) for script in said)
        self._streams = streams
        self._factors = sim.pace.factors(call)
        self._arrived = time.perf_counter()

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        await self._take_slot()
        try:
            await self._first_token()
            async for delta in self._stream() if self._streams else self._whole():
                yield delta
        finally:
            self._sim.running -= 1
            self._sim.slots.release()

    async def _take_slot(self) -> None:
        sim = self._sim
        sim.waiting += 1
        try:
            await sim.slots.acquire()
        finally:
            sim.waiting -= 1
        sim.running += 1
        sim.metrics.queue.observe(time.perf_counter() - self._arrived)
        sim.metrics.prompt_tokens.inc(self.prompt_tokens)

    async def _first_token(self) -> None:
        await asyncio.sleep(self._sim.pace.first_token_s * self._factor(0))
        self._sim.metrics.first_token.observe(time.perf_counter() - self._arrived)

    async def _stream(self) -> AsyncGenerator[Delta, None]:
        due = before = time.perf_counter()
        for place in range(self._steps):
            if place:
                # Each token has a due time, so that a late timer does not slow the whole stream down.
                due += self._sim.pace.per_token_s * self._factor(place)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                now = time.perf_counter()
                self._sim.metrics.inter_token.observe(now - before)
                before = now
            # All choices grow together, one token each, like the rows of one batch.
            for script in self._said:
                if place < len(script.pieces):
                    yield self._delta(script.delta(place, place + 1))
        self._finished()

    async def _whole(self) -> AsyncGenerator[Delta, None]:
        gaps = [self._sim.pace.per_token_s * self._factor(place) for place in range(1, self._steps)]
        if (total := sum(gaps)) > 0:
            await asyncio.sleep(total)
            for gap in gaps:
                self._sim.metrics.inter_token.observe(gap)
        for script in self._said:
            yield self._delta(script.delta(0, len(script.pieces)))
        self._finished()

    def _delta(self, delta: Delta) -> Delta:
        self._sim.metrics.generation_tokens.inc(delta.tokens)
        return delta

    def _finished(self) -> None:
        self._sim.metrics.finished(self._said[-1].reason, time.perf_counter() - self._arrived)

    def _factor(self, place: int) -> float:
        return 1.0 if self._factors is None else self._factors[place % len(self._factors)]
