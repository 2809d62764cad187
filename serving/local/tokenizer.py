"""Text to tokens and back, and the model's chat template.

In: chat messages, or tokens one at a time. Out: token ids, or text. Knows nothing of the decoder's state. Two threads
need it (prompts are read beside the engine, answers are written inside it), and ONNX Runtime GenAI's objects are not
thread-safe: make one Tokenizer for each thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime_genai as og

from serving.local.chat_request import Message
from serving.local.decoder import Tokens
from serving.local.errors import context_length_exceeded

# Template roles. OpenAI renamed "system" to "developer"; this model only knows the old name.
ROLES = {"developer": "system", "tool": "user"}


class Tokenizer:
    def __init__(self, folder: Path, context: int) -> None:
        self._tokenizer = og.Tokenizer(og.Config(str(folder)))
        self._context = context
        # No prompt with more bytes can fit, however well it packs (4 allows for a normaliser that shrinks text).
        self._most_bytes = 4 * context * _longest_token(folder)

    def prompt(self, messages: Sequence[Message]) -> Tokens:
        """Raises ApiError (context_length_exceeded) for a prompt that leaves no room for an answer."""
        size = sum(len(message.text.encode()) for message in messages)
        if size > self._most_bytes:
            raise context_length_exceeded(self._context, f"surely more than {self._context}")
        turns = [{"role": ROLES.get(m.role, m.role), "content": m.text} for m in messages]
        text = self._tokenizer.apply_chat_template(json.dumps(turns), add_generation_prompt=True)
        tokens: Tokens = self._tokenizer.encode(text).astype(np.int64)
        if len(tokens) >= self._context:
            raise context_length_exceeded(self._context, str(len(tokens)))
        return tokens

    def writer(self) -> Callable[[int], str]:
        """A function that turns one answer's tokens into text, and waits for the rest of an incomplete character."""
        decode: Callable[[int], str] = self._tokenizer.create_stream().decode
        return decode


def _longest_token(folder: Path) -> int:
    vocabulary = json.loads((folder / "tokenizer.json").read_text())
    tokens = [*vocabulary["model"]["vocab"], *(token["content"] for token in vocabulary.get("added_tokens", []))]
    return max(len(token) for token in tokens)
