"""workshop-tiny: the real model. Joins the tokenizer, the decoder and the engine, and talks to the event loop.

In: chat requests. Out: Completions. The event loop never computes: one thread tokenises prompts, another one makes
tokens.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime_genai as og

from serving.local.chat_request import ChatRequest, Message
from serving.local.completion import Delta
from serving.local.decoder import Decoder, Shape
from serving.local.engine import Batching, Engine, Sequence
from serving.local.errors import invalid
from serving.local.metrics import ModelMetrics
from serving.local.sampler import Sampling
from serving.local.stops import StopScanner
from serving.local.tokenizer import Tokenizer

NEEDED = ("genai_config.json", "tokenizer.json")


class MissingWeights(Exception):
    """There is no model in the folder; the text is one line for the person who starts the server."""


def check_weights(folder: Path) -> None:
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise MissingWeights(
            f"no model weights in {folder} ({', '.join(missing)} missing). "
            "Train and export them (serving/tiny_model), or start with --models workshop-sim."
        )


class WorkshopTiny:
    name = "workshop-tiny"

    def __init__(self, folder: Path, threads: int, batching: Batching, metrics: ModelMetrics) -> None:
        check_weights(folder)
        self._folder = folder
        self._threads = threads
        self._batching = batching
        self._metrics = metrics
        self._engine: Engine | None = None
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="tokenizer")
        self.context_tokens = 0

    @property
    def ready(self) -> bool:
        return self._engine is not None

    async def start(self) -> None:
        og.disable_telemetry_events()
        loop = asyncio.get_running_loop()
        self._shape, self._prompts, decoder, answers = await loop.run_in_executor(self._reader, self._load)
        self.context_tokens = self._shape.context
        engine = Engine(decoder, answers.writer, self._batching, self._metrics, loop)
        engine.start()
        self._engine = engine

    async def begin(self, request: ChatRequest) -> TinyCompletion:
        assert self._engine is not None, "start() comes first"
        if request.n is not None and request.n > 1:
            raise invalid(f"n: {self.name} gives one choice a call; send n calls instead.", param="n")
        loop = asyncio.get_running_loop()
        prompt = await loop.run_in_executor(self._reader, self._prompts.prompt, request.messages)
        sampling = Sampling(
            temperature=self._shape.temperature if request.temperature is None else request.temperature,
            top_p=self._shape.top_p if request.top_p is None else request.top_p,
            source=random.Random(request.seed),
        )
        room = self._shape.context - len(prompt)
        sink: asyncio.Queue[Delta | Exception] = asyncio.Queue()
        sequence = Sequence(
            prompt, sampling, min(request.token_limit or room, room), StopScanner(request.stops), request.stream, sink
        )
        return TinyCompletion(self._engine, sequence, sink)

    def stop(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
        if self._engine is not None:
            self._engine.stop()

    def _load(self) -> tuple[Shape, Tokenizer, Decoder, Tokenizer]:
        shape = Shape.read(self._folder)
        prompts, answers = (Tokenizer(self._folder, shape.context) for _ in range(2))
        decoder = Decoder(shape, self._batching.max_size, self._threads)
        self._warm_up(decoder, prompts.prompt([Message(role="user", content="hello")]))
        return shape, prompts, decoder, answers

    def _warm_up(self, decoder: Decoder, prompt: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
        """The first passes allocate memory; no caller should pay for that."""
        decoder.prefill(0, prompt)
        for size in {1, self._batching.max_size}:
            decoder.step(np.zeros(size, np.int64), np.full(size, len(prompt) + 1, np.int64))


class TinyCompletion:
    choices = 1
    calls_tools = False

    def __init__(self, engine: Engine, sequence: Sequence, sink: asyncio.Queue[Delta | Exception]) -> None:
        self._engine = engine
        self._sequence = sequence
        self._sink = sink
        self.prompt_tokens = len(sequence.prompt)

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        self._engine.submit(self._sequence)
        try:
            while True:
                item = await self._sink.get()
                if isinstance(item, Exception):
                    raise item
                yield item
                if item.finish_reason:
                    return
        finally:
            self._engine.leave(self._sequence)
