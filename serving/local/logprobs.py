"""Log probabilities in OpenAI's format. The numbers are invented: a simulator has none.

In: a piece of text. Out: one object per token, always the same one for the same token.
"""

from __future__ import annotations

import zlib
from typing import Any

from serving.local import tokens


def made_up(text: str, top: int) -> list[dict[str, Any]]:
    """`top` alternatives for each token, the likeliest first; the token itself leads them."""
    return [
        _chance(token, 0) | {"top_logprobs": [_chance(_other(token, rank), rank) for rank in range(top)]}
        for token in tokens.split(text)
    ]


def _chance(token: str, rank: int) -> dict[str, Any]:
    logprob = -(1 + zlib.crc32(token.encode()) % 100) / 1000 if rank == 0 else -2.0 - rank
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def _other(token: str, rank: int) -> str:
    return f"{token}{rank}" if rank else token
