"""Continuous batching: one thread that keeps a batch running and lets sequences join and leave between steps.

In: Sequences, from any thread. Out: Deltas, handed to the event loop once per step. Knows nothing of HTTP or of JSON.

Admission. An idle engine starts at once with the first request: waiting for more would cost a lone caller time and gain
nothing, because others can join at the next step. A prefill delays every running stream, so a busy engine admits one
new sequence per step. Only sequences that have waited BATCH_FLUSH_TIMEOUT_MS come in out of turn, all at once. The
setting trades the smoothness of running streams against the time to first token of new ones; 0 favours the new ones.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from serving.local.chat_request import FinishReason
from serving.local.completion import Delta
from serving.local.decoder import Decoder, Logits, Tokens
from serving.local.metrics import ModelMetrics
from serving.local.sampler import Sampling, choose
from serving.local.stops import StopScanner


class Sink(Protocol):
    """Where a sequence's answer goes. Called on the event loop."""

    def put_nowait(self, item: Delta | Exception, /) -> None: ...


@dataclass(slots=True, eq=False)
class Sequence:
    """One prompt, and the growing answer to it. Only the engine's thread writes to it, except for `left`."""

    prompt: Tokens
    sampling: Sampling
    max_tokens: int
    stops: StopScanner
    streams: bool
    sink: Sink
    arrived: float = field(default_factory=time.perf_counter)
    left: bool = False  # the client has left, or no longer needs the answer
    write: Callable[[int], str] = str
    length: int = 0  # tokens in the cache
    token: int = 0  # the last chosen token, not in the cache yet
    produced: int = 0
    pieces: list[str] = field(default_factory=list)
    last_token_at: float = 0.0


@dataclass(slots=True)
class Batching:
    max_size: int
    flush_s: float


class Engine:
    def __init__(
        self,
        decoder: Decoder,
        writer: Callable[[], Callable[[int], str]],
        batching: Batching,
        metrics: ModelMetrics,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._decoder = decoder
        self._writer = writer
        self._batching = batching
        self._metrics = metrics
        self._loop = loop
        self._door: queue.SimpleQueue[Sequence | None] = queue.SimpleQueue()
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._news: list[tuple[Sequence, Delta | Exception]] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        metrics.watch(lambda: len(self._running), lambda: len(self._waiting) + self._door.qsize())
        metrics.active_batches.set_function(lambda: int(bool(self._running)))

    def start(self) -> None:
        self._thread.start()

    def submit(self, sequence: Sequence) -> None:
        self._door.put(sequence)

    def leave(self, sequence: Sequence) -> None:
        """Frees a sequence's slot before the next step."""
        sequence.left = True

    def stop(self) -> None:
        self._stopping = True
        self._door.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    # Everything below runs in the engine's own thread.

    def _work(self) -> None:
        while not self._stopping:
            self._collect()
            try:
                self._drop_leavers()
                self._admit()
                self._step()
            except Exception as error:  # a broken batch must not end the server
                self._fail(error)
            self._deliver()

    def _collect(self) -> None:
        """Takes in new sequences; sleeps here if there is nothing else to do."""
        idle = not self._running and not self._waiting
        while idle or not self._door.empty():
            sequence = self._door.get()
            idle = False
            if sequence is None:
                return
            self._waiting.append(sequence)

    def _drop_leavers(self) -> None:
        if any(sequence.left for sequence in self._waiting):
            staying = [sequence for sequence in self._waiting if not sequence.left]
            self._waiting.clear()
            self._waiting.extend(staying)
        for row in reversed(range(len(self._running))):
            if self._running[row].left:
                self._release(row)

    def _admit(self) -> None:
        in_turn = True
        while self._waiting and len(self._running) < self._batching.max_size:
            overdue = time.perf_counter() - self._waiting[0].arrived >= self._batching.flush_s
            if not (in_turn or overdue):
                return
            in_turn = False
            self._prefill(self._waiting.popleft())

    def _prefill(self, sequence: Sequence) -> None:
        row = len(self._running)
        self._running.append(sequence)
        self._metrics.queue.observe(time.perf_counter() - sequence.arrived)
        self._metrics.prompt_tokens.inc(len(sequence.prompt))
        sequence.write = self._writer()
        sequence.length = len(sequence.prompt)
        logits = self._decoder.prefill(row, sequence.prompt)
        self._extend(row, logits[None, :])

    def _step(self) -> None:
        if not self._running:
            return
        batch = self._running
        self._metrics.batch_size.observe(len(batch))
        for sequence in batch:
            sequence.length += 1
        tokens = np.array([sequence.token for sequence in batch], np.int64)
        lengths = np.array([sequence.length for sequence in batch], np.int64)
        self._extend(0, self._decoder.step(tokens, lengths))

    def _extend(self, first: int, logits: Logits) -> None:
        """Gives each row from `first` on its next token, last row first, so that a release moves no row still to do."""
        chosen = choose(logits, [sequence.sampling for sequence in self._running[first:]])
        now = time.perf_counter()
        for row in reversed(range(first, len(self._running))):
            sequence = self._running[row]
            if self._accept(sequence, chosen[row - first], now):
                self._release(row)
        self._metrics.generation_tokens.inc(len(chosen))

    def _accept(self, sequence: Sequence, token: int, now: float) -> bool:
        """Adds one token to an answer. True if that was the last one."""
        sequence.token = token
        sequence.produced += 1
        self._time(sequence, now)
        ended = token in self._decoder.shape.end_tokens
        text, stopped = ("", False) if ended else sequence.stops.feed(sequence.write(token))
        full = sequence.produced >= sequence.max_tokens or sequence.length + 1 >= self._decoder.shape.context
        reason: FinishReason | None = "stop" if ended or stopped else "length" if full else None
        if reason and not stopped:
            text += sequence.stops.rest()
        self._tell(sequence, text, reason)
        if reason:
            self._metrics.finished(reason, now - sequence.arrived)
        return reason is not None

    def _time(self, sequence: Sequence, now: float) -> None:
        if sequence.produced == 1:
            self._metrics.first_token.observe(now - sequence.arrived)
        else:
            self._metrics.inter_token.observe(now - sequence.last_token_at)
        sequence.last_token_at = now

    def _tell(self, sequence: Sequence, text: str, reason: FinishReason | None) -> None:
        if sequence.streams:
            self._news.append((sequence, Delta(text, 1, reason)))
            return
        sequence.pieces.append(text)
        if reason:
            self._news.append((sequence, Delta("".join(sequence.pieces), sequence.produced, reason)))

    def _release(self, row: int) -> None:
        """Frees a row; the last row moves into the gap."""
        last = len(self._running) - 1
        if row != last:
            self._decoder.move(last, row, self._running[last].length)
            self._running[row] = self._running[last]
        self._running.pop()

    def _fail(self, error: Exception) -> None:
        print(f"workshop-tiny: a batch of {len(self._running)} failed: {error!r}", file=sys.stderr, flush=True)
        self._news.extend((sequence, error) for sequence in self._running)
        self._running.clear()

    def _deliver(self) -> None:
        # One wake-up of the event loop per step, not per token.
        if self._news:
            news, self._news = self._news, []
            try:
                self._loop.call_soon_threadsafe(_hand_over, news)
            except RuntimeError:  # the loop has closed: the server is stopping
                self._stopping = True


def _hand_over(news: list[tuple[Sequence, Delta | Exception]]) -> None:
    for sequence, item in news:
        sequence.sink.put_nowait(item)
