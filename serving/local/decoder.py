"""The forward pass: an ONNX decoder with a key/value cache of fixed rows, one row per sequence.

In: token ids and how many tokens each row already holds. Out: logits. Rows 0…n-1 of the cache are the running batch,
each with its own length, so a sequence can join or leave between any two steps. Knows nothing of requests, sampling or
text.

Why not onnxruntime-genai's own loop: its Engine batches continuously only with PagedAttention, which is built for
CUDA and WebGPU. On a CPU its Engine and its Generator run a batch to the end before the next one starts, and the
Engine takes no seeds. The same export, run here with the cache bound in place, is as fast and admits new sequences at
every step.
"""

from __future__ import annotations

import json
import math
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort  # type: ignore[import-untyped]

Logits = npt.NDArray[np.float32]
Tokens = npt.NDArray[np.int64]


@dataclass(slots=True, frozen=True)
class Shape:
    """The model's description in genai_config.json, which the exporter wrote."""

    graph: Path
    layers: int
    heads: int
    head_size: int
    context: int
    vocabulary: int
    end_tokens: frozenset[int]
    temperature: float
    top_p: float

    @classmethod
    def read(cls, folder: Path) -> Shape:
        config: dict[str, Any] = json.loads((folder / "genai_config.json").read_text())
        model, search = config["model"], config["search"]
        decoder, end = model["decoder"], model["eos_token_id"]
        return cls(
            graph=folder / decoder["filename"],
            layers=decoder["num_hidden_layers"],
            heads=decoder["num_key_value_heads"],
            head_size=decoder["head_size"],
            context=model["context_length"],
            vocabulary=model["vocab_size"],
            end_tokens=frozenset(end if isinstance(end, list) else [end]),
            # The sampling that the model was made for, as vLLM reads it from generation_config.json.
            temperature=search["temperature"] if search.get("do_sample") else 0.0,
            top_p=search.get("top_p", 1.0),
        )


def _untouched(size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Zeroed memory that the machine provides, 4 KB at a time, only where it is written: short answers stay cheap.

    With huge pages, one token in a row would take 2 MB, and 32 rows of a 2048-token context the whole 335 MB.
    """
    memory = mmap.mmap(-1, math.prod(size) * np.dtype(np.float32).itemsize)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, np.float32).reshape(size)


class Decoder:
    """One ONNX session and its cache. For one thread at a time."""

    def __init__(self, shape: Shape, rows: int, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.shape = shape
        self._session = ort.InferenceSession(str(shape.graph), options, providers=["CPUExecutionProvider"])
        size = (rows, shape.heads, shape.context, shape.head_size)
        names = [f"{layer}.{part}" for layer in range(shape.layers) for part in ("key", "value")]
        self._cache = {name: _untouched(size) for name in names}
        self._bindings: dict[tuple[int, int], Any] = {}

    def prefill(self, row: int, tokens: Tokens) -> Logits:
        """Reads a prompt into `row`. Returns the logits after its last token."""
        lengths = np.array([len(tokens)], np.int64)
        last: Logits = self._run(row, tokens[None, :], lengths)[0, -1]
        return last

    def step(self, tokens: Tokens, lengths: Tokens) -> Logits:
        """Appends one token to each of the first rows. `lengths` includes it. Returns one line of logits per row."""
        lines: Logits = self._run(0, tokens[:, None], lengths)[:, 0]
        return lines

    def move(self, source: int, target: int, length: int) -> None:
        """Closes the gap that a finished sequence leaves: the batch must stay one block of rows."""
        for cache in self._cache.values():
            cache[target, :, :length] = cache[source, :, :length]

    def _run(self, row: int, tokens: Tokens, lengths: Tokens) -> Logits:
        rows, width = tokens.shape
        mask = (np.arange(np.max(lengths)) < lengths[:, None]).astype(np.int64)
        logits: Logits = np.empty((rows, width, self.shape.vocabulary), np.float32)
        binding = self._binding(row, rows)
        binding.bind_cpu_input("input_ids", np.ascontiguousarray(tokens))
        binding.bind_cpu_input("attention_mask", mask)
        binding.bind_output("logits", "cpu", 0, np.float32, logits.shape, logits.ctypes.data)
        self._session.run_with_iobinding(binding)
        return logits

    def _binding(self, row: int, rows: int) -> Any:
        """The cache of these rows, bound to the graph once; at every step it would cost as much as the step itself."""
        known = self._bindings.get((row, rows))
        if known is not None:
            return known
        binding = self._bindings[row, rows] = self._session.io_binding()
        for name, cache in self._cache.items():
            part = cache[row : row + rows]
            # Past and present are the same memory: the graph appends in place and never copies the past.
            place = ("cpu", 0, np.float32, part.shape, part.ctypes.data)
            binding.bind_input(f"past_key_values.{name}", *place)
            binding.bind_output(f"present.{name}", *place)
        return binding
