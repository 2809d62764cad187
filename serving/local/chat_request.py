"""OpenAI's chat API on the wire: the requests that this server accepts. Its counterpart is chat_response.py.

In: bytes. Out: a ChatRequest, or an ApiError that says what is wrong with the bytes. Knows nothing of models, sockets
or faults. Source: the OpenAI API reference, "Chat completions".
"""

from __future__ import annotations

from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from serving.local.errors import invalid

FinishReason = Literal["stop", "length", "tool_calls"]


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


class Function(_Wire):
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    parameters: dict[str, Any] | None = None


class Tool(_Wire):
    type: Literal["function"]
    function: Function


class NamedFunction(_Wire):
    name: str


class NamedTool(_Wire):
    """A `tool_choice` that names a function: the model must call it."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(_Wire):
    document: dict[str, Any] = Field({}, alias="schema")


class ResponseFormat(_Wire):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


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
    n: int | None = Field(None, ge=1, le=8)
    tools: list[Tool] | None = Field(None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)

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
    """The JSON object in these bytes. Refuses bad UTF-8 and lone surrogates before any tokenizer sees them."""
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
    if len(request.stops) > 4:
        raise invalid("stop: at most 4 sequences.", param="stop")
    if any("\x00" in message.text for message in request.messages):
        # Tokenizers written in C end the text at a NUL; a prompt must not be cut silently.
        raise invalid("messages: text must not contain NUL characters.", param="messages")
    return request
