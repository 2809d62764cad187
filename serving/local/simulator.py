"""workshop-sim: a model that computes nothing but queues, waits and counts as a real engine does. It says SIMULATED.

In: chat requests. Out: Completions that take SIM_TTFT_MS for the first token and SIM_TPOT_MS for each further one,
once one of SIM_SLOTS places is free (first come, first served). Knows nothing of threads: it is all timers on the
event loop.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import time
import zlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from serving.local.completion import Delta
from serving.local.errors import context_length_exceeded, overloaded
from serving.local.metrics import ModelMetrics
from serving.local.protocol import ChatRequest, FinishReason
from serving.local.stops import StopScanner

TOKEN = re.compile(r"\w+|[^\w\s]")
WORDS = TOKEN.findall("this answer was computed by no model but queued and timed as one would be so count it")
# Above this many characters, counting moves off the event loop: 32 thousand take about two milliseconds.
LONG = 32_768


def count_tokens(text: str) -> int:
    """A word is a token, and so is each mark of punctuation."""
    return sum(1 for _ in TOKEN.finditer(text))


def answer(prompt: str, tokens: int) -> list[str]:
    """`tokens` words that say what this is and differ from prompt to prompt, the same ones every time."""
    mark = f"{zlib.crc32(prompt.encode()):08x}"
    words = ["SIMULATED", mark, *(WORDS[i % len(WORDS)] for i in range(tokens - 2))][:tokens]
    return [words[0], *(f" {word}" for word in words[1:])]


@dataclass(slots=True, frozen=True)
class Pace:
    """Times in seconds. `jitter` is the sigma of a log-normal factor with mean 1, on every wait."""

    first_token_s: float
    per_token_s: float
    jitter: float = 0.0
    seed: int = 0

    def factors(self, call: int) -> Sequence[float] | None:
        """None for no jitter. The numbers depend on the seed and the call's place in line, not on timing."""
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
        count = await asyncio.to_thread(count_tokens, prompt) if len(prompt) > LONG else count_tokens(prompt)
        if count >= self.context_tokens:
            raise context_length_exceeded(self.context_tokens, str(count))
        if self._queue_max is not None and self.running >= self._size and self.waiting >= self._queue_max:
            raise overloaded(f"The simulated queue is full ({self._queue_max} waiting). Try again later.", "queue_full")
        room = min(self._output_tokens, self.context_tokens - count)
        limit = min(request.token_limit or room, room)
        pieces, reason = _until_stop(answer(prompt, limit), request.stops)
        cut: FinishReason = "length" if limit < self._output_tokens else "stop"
        self.calls += 1
        return SimCompletion(self, count, pieces, reason or cut, request.stream, self.calls)


def _until_stop(pieces: list[str], stops: tuple[str, ...]) -> tuple[list[str], FinishReason | None]:
    scanner = StopScanner(stops)
    kept: list[str] = []
    for piece in pieces:
        text, stopped = scanner.feed(piece)
        kept.append(text)
        if stopped:
            return kept, "stop"
    kept[-1] += scanner.rest()
    return kept, None


class SimCompletion:
    def __init__(
        self, sim: WorkshopSim, prompt_tokens: int, pieces: list[str], reason: FinishReason, streams: bool, call: int
    ) -> None:
        self.prompt_tokens = prompt_tokens
        self.max_tokens = len(pieces)
        self._sim = sim
        self._pieces = pieces
        self._reason: FinishReason = reason
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
        for place, piece in enumerate(self._pieces):
            if place:
                # Each token has a due time, so that a late timer does not make the whole stream slower than asked.
                due += self._sim.pace.per_token_s * self._factor(place)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                now = time.perf_counter()
                self._sim.metrics.inter_token.observe(now - before)
                before = now
            self._sim.metrics.generation_tokens.inc()
            yield self._delta(piece, 1, last=place == len(self._pieces) - 1)

    async def _whole(self) -> AsyncGenerator[Delta, None]:
        tokens = len(self._pieces)
        gaps = [self._sim.pace.per_token_s * self._factor(place) for place in range(1, tokens)]
        if (total := sum(gaps)) > 0:
            await asyncio.sleep(total)
            for gap in gaps:
                self._sim.metrics.inter_token.observe(gap)
        self._sim.metrics.generation_tokens.inc(tokens)
        yield self._delta("".join(self._pieces), tokens, last=True)

    def _delta(self, text: str, tokens: int, last: bool) -> Delta:
        if not last:
            return Delta(text, tokens)
        self._sim.metrics.finished(self._reason, time.perf_counter() - self._arrived)
        return Delta(text, tokens, self._reason)

    def _factor(self, place: int) -> float:
        return 1.0 if self._factors is None else self._factors[place % len(self._factors)]
