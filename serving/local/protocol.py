"""OpenAI's chat API on the wire: the request that is accepted, the completion and the chunks that are sent.

In: bytes. Out: a ChatRequest, or an ApiError that says what is wrong with the bytes; and bytes again for the answer.
Knows nothing of models, sockets or faults. Source: the OpenAI API reference, "Chat completions".
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serving.local.errors import invalid

FinishReason = Literal["stop", "length"]
DONE = b"data: [DONE]\n\n"


class _Wire(BaseModel):
    # Strict: "5" is not a number. Fields that this server does not know are ignored, as OpenAI's clients expect.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class TextPart(_Wire):
    type: Literal["text"]
    text: str


class Message(_Wire):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(_Wire):
    include_usage: bool = False


class ChatRequest(_Wire):
    model: str
    messages: list[Message] = Field(min_length=1, max_length=2048)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stop: str | list[str] | None = None
    n: int | None = Field(None, ge=1)

    @property
    def stops(self) -> tuple[str, ...]:
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in given if text)

    @property
    def token_limit(self) -> int | None:
        """`max_completion_tokens` is the newer name of `max_tokens`; the newer wins."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


def decode(body: bytes) -> dict[str, Any]:
    """JSON object from bytes. Bad UTF-8 and lone surrogates are refused here, before any tokenizer sees them."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid(f"The body is not valid JSON in UTF-8: {error}.") from None
    if not isinstance(document, dict):
        raise invalid("The body must be a JSON object with 'model' and 'messages'.")
    return document


def validate(document: dict[str, Any]) -> ChatRequest:
    try:
        request = ChatRequest.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid(f"{where}: {first['msg']}.", param=where) from None
    if request.n is not None and request.n > 1:
        raise invalid("n: this server gives one choice a call; send n calls instead.", param="n")
    if len(request.stops) > 4:
        raise invalid("stop: at most 4 sequences.", param="stop")
    if any("\x00" in message.text for message in request.messages):
        # Tokenizers written in C end the text at a NUL; a prompt must not be cut silently.
        raise invalid("messages: text must not contain NUL characters.", param="messages")
    return request


@dataclass(slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def document(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


@dataclass(slots=True)
class Answer:
    """Writes one answer, whole or in chunks, under one id."""

    model: str
    with_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def completion(self, text: str, finish_reason: FinishReason, usage: Usage) -> bytes:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
        return orjson.dumps(self._frame("chat.completion") | {"choices": [choice], "usage": usage.document()})

    def role(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def delta(self, text: str) -> bytes:
        return self._chunk({"content": text})

    def last(self, finish_reason: FinishReason) -> bytes:
        return self._chunk({}, finish_reason)

    def usage(self, usage: Usage) -> bytes:
        frame = self._frame("chat.completion.chunk") | {"choices": [], "usage": usage.document()}
        return b"data: " + orjson.dumps(frame) + b"\n\n"

    def _chunk(self, delta: dict[str, str], finish_reason: FinishReason | None = None) -> bytes:
        frame = self._frame("chat.completion.chunk")
        frame["choices"] = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}]
        if self.with_usage:
            frame["usage"] = None
        return b"data: " + orjson.dumps(frame) + b"\n\n"

    def _frame(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}
