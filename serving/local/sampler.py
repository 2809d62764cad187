"""Chooses the next token of each sequence from its logits.

In: one line of logits per sequence, and each sequence's own temperature, top-p and random source. Out: one token each.
Knows nothing of text, batches or requests: a row's choice never depends on its neighbours, so a seed gives the same
answer alone and in a batch.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from serving.local.decoder import Logits


@dataclass(slots=True)
class Sampling:
    """`temperature` 0 takes the likeliest token; `top_p` keeps the smallest set of tokens with that probability."""

    temperature: float
    top_p: float
    source: random.Random = field(default_factory=random.Random)


def choose(logits: Logits, samplings: Sequence[Sampling]) -> list[int]:
    tokens: list[int] = logits.argmax(axis=1).tolist()
    for row, sampling in enumerate(samplings):
        if sampling.temperature > 0:
            tokens[row] = _draw(logits[row], sampling)
    return tokens


def _draw(line: npt.NDArray[np.float32], sampling: Sampling) -> int:
    weights = np.exp((line - np.max(line)).astype(np.float64) / sampling.temperature)
    if sampling.top_p < 1:
        weights = _nucleus(weights, sampling.top_p)
    ladder = np.cumsum(weights)
    return int(np.searchsorted(ladder, sampling.source.random() * ladder[-1], side="right"))


def _nucleus(weights: npt.NDArray[np.float64], top_p: float) -> npt.NDArray[np.float64]:
    order = np.argsort(-weights, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    # A token stays if the probability before it is under top_p, so the likeliest one always stays.
    kept = order[before < top_p * weights.sum()]
    nucleus = np.zeros_like(weights)
    nucleus[kept] = weights[kept]
    return nucleus
