"""OpenAI's chat API as upstreams implement it: bytes of a reply in; completions, chunks and errors out.

Knows nothing of connections, and nothing of our own routes.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import orjson

from shared.pipeline.call import ChatRequest
from shared.pipeline.errors import (
    InvalidRequest,
    UpstreamBadReply,
    UpstreamError,
    UpstreamFault,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.pipeline.outcome import Usage
from shared.pipeline.reply import Chunk, Completion
from shared.upstream.retry_after import parse_retry_after
from shared.upstream.sse import DONE, event

LARGEST_REPLY = 16 << 20  # bytes
CHARACTERS_PER_TOKEN = 4  # the usual estimate, for an upstream that does not count
MOST_TOKENS = 1 << 32  # of one call; a larger count is nonsense

# These reasons mean an unfinished answer: an engine that is stopped in the middle answers 200 with what it has.
GIVEN_UP = ("abort", "error")

# The errors that a malformed document raises when it is read as a valid one.
MISSHAPEN = (ValueError, KeyError, IndexError, TypeError, AttributeError)


# --- requests ----------------------------------------------------------------------------------------------------


def written(document: object, option: int | None = None) -> bytes:
    """JSON. Raises InvalidRequest for JSON that can be read but not written: 255 levels, integers over 64 bits."""
    try:
        return orjson.dumps(document, option=option)
    except TypeError:
        raise InvalidRequest("the request is nested too deeply, or has an integer of more than 64 bits") from None


# --- whole answers -----------------------------------------------------------------------------------------------


async def bounded(blocks: AsyncIterator[bytes]) -> bytes:
    """The body that arrives in `blocks`. Raises UpstreamBadReply if it is larger than LARGEST_REPLY."""
    body = bytearray()
    async for block in blocks:
        body += block
        if len(body) > LARGEST_REPLY:
            raise UpstreamBadReply(f"the upstream's reply is larger than {LARGEST_REPLY} bytes")
    return bytes(body)


def completion(raw: bytes, request: ChatRequest) -> Completion:
    """Raises UpstreamBadReply, or UpstreamFault for an incomplete answer."""
    try:
        body = orjson.loads(raw)
        if any(choice.get("finish_reason") in GIVEN_UP for choice in body["choices"]):
            raise _given_up()
        choice = body["choices"][0]
        length = sum(_length(choice["message"]) for choice in body["choices"])
        return Completion(
            model=_string(body.get("model")) or request.model,
            text=_text(choice["message"]),
            usage=_usage(body.get("usage")) or estimate(request, length),
            finish_reason=_string(choice.get("finish_reason")),
            raw=raw,
        )
    except MISSHAPEN:
        raise UpstreamBadReply("the upstream answered 200 with something that is not a chat completion") from None


def answer_text(raw: bytes) -> str:
    """The text of a completion's first choice. Raises one of MISSHAPEN."""
    return _text(orjson.loads(raw)["choices"][0]["message"])


def estimate(request: ChatRequest, response_length: int) -> Usage:
    """The estimated usage of a call that the upstream did not count. `response_length` is in characters."""
    return Usage(
        -(-len(request.prompt) // CHARACTERS_PER_TOKEN), -(-response_length // CHARACTERS_PER_TOKEN), estimated=True
    )


# --- streams -----------------------------------------------------------------------------------------------------


class Frames:
    """Reads the data frames of one stream as they arrive."""

    def __init__(self, request: ChatRequest) -> None:
        # We always ask for usage. A client that did not ask is not sent the frame that has only usage.
        options = request.extra.get("stream_options")
        self._hides_usage = not (isinstance(options, dict) and options.get("include_usage"))
        self.finished = False  # a finish reason has arrived: a stream that ends without one was cut
        self.done = False

    def read(self, payloads: Iterable[bytes]) -> tuple[Chunk | None, UpstreamError | None]:
        """The frames up to `[DONE]` or to the first bad frame, as one chunk; and the error of that bad frame."""
        wire: list[bytes] = []
        text, model, length, usage, reason = "", "", 0, None, None
        broken: UpstreamError | None = None
        for payload in payloads:
            if payload == DONE:
                self.done = True
                break
            try:
                frame = orjson.loads(payload)
                if error := frame.get("error"):
                    broken = _error_frame(error)
                    break
                choices = frame.get("choices")
                model = _string(frame.get("model")) or model
                usage = _usage(frame.get("usage")) or usage
                if not choices:
                    if not (usage and self._hides_usage):
                        wire.append(event(payload))
                    continue
                if any(choice.get("finish_reason") in GIVEN_UP for choice in choices):
                    broken = _given_up()
                    break
                for choice in choices:
                    delta = choice.get("delta") or {}
                    length += _length(delta)
                    reason = _string(choice.get("finish_reason")) or reason
                text += _text(choices[0].get("delta") or {}) if choices[0].get("index", 0) == 0 else ""
                wire.append(event(payload))
            except MISSHAPEN:
                broken = UpstreamBadReply("a frame of the upstream's stream is not a chat completion chunk")
                break
        self.finished = self.finished or reason is not None
        if not wire and usage is None:
            return None, broken
        return Chunk(b"".join(wire), text, length, model, usage, reason), broken


def joined(chunks: Iterable[Chunk]) -> Chunk:
    """Several chunks as one."""
    wire, text, model, length, usage, reason = b"", "", "", 0, None, None
    for chunk in chunks:
        wire, text, length = wire + chunk.wire, text + chunk.text, length + chunk.length
        model, usage, reason = chunk.model or model, chunk.usage or usage, chunk.finish_reason or reason
    return Chunk(wire, text, length, model, usage, reason)


def _text(part: dict[str, Any]) -> str:
    text = part.get("content") or ""
    if not isinstance(text, str):
        raise TypeError
    return text


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _length(part: dict[str, Any]) -> int:
    """Generated characters of a message or a delta: text, reasoning, refusals, arguments of tools."""
    length = 0
    for name, value in part.items():
        if name == "tool_calls":
            for called in value or ():
                function = called.get("function") or {}
                length += len(function.get("name") or "") + len(function.get("arguments") or "")
        elif name != "role" and isinstance(value, str):
            length += len(value)
    return length


def _usage(reported: object) -> Usage | None:
    """The upstream's own count; None if it is missing or makes no sense."""
    if not isinstance(reported, dict):
        return None
    tokens_in, tokens_out = reported.get("prompt_tokens"), reported.get("completion_tokens")
    if not isinstance(tokens_in, int) or not isinstance(tokens_out, int):
        return None
    sensible = 0 <= tokens_in < MOST_TOKENS and 0 <= tokens_out < MOST_TOKENS
    return Usage(int(tokens_in), int(tokens_out)) if sensible else None  # True is an int in Python


# --- errors ------------------------------------------------------------------------------------------------------


def refused(status: int, headers: Mapping[str, str], raw: bytes) -> UpstreamError:
    """The error for a status other than 200."""
    message, code, param = _error_detail(raw)
    retry_after = parse_retry_after(headers)
    if status == 429:
        return UpstreamRateLimited(
            message or "the upstream's rate limit is reached",
            upstream_status=status,
            code=code,
            retry_after=retry_after,
        )
    if status == 404 and not _is_json(raw):
        # Not from an API but from a proxy, which knows no servers right after its start. It says nothing of the model.
        return UpstreamBadReply("there is no chat API at the upstream's URL", upstream_status=status, retryable=True)
    if status in (400, 404, 413, 422):
        error = UpstreamRejected(
            message or f"the upstream rejected the request with {status}",
            upstream_status=status,
            # OpenAI's code for a model that it does not have; other engines use another code, or none.
            code="model_not_found" if status == 404 else code,
            param=param,
        )
        error.http_status = status
        return error
    if status in (401, 403):
        # Our key is at fault. The caller did nothing wrong, and must not get a 401.
        return UpstreamFault(
            "the upstream refused this service's credentials (OPENAI_API_KEY)", upstream_status=status, retryable=False
        )
    if status in (408, 504):
        return UpstreamTimeout(message or f"the upstream answered {status}", upstream_status=status)
    if status == 503:
        return UpstreamUnavailable(
            message or "the upstream is overloaded", upstream_status=status, retry_after=retry_after
        )
    if status >= 500:
        return UpstreamFault(f"the upstream answered {status}", upstream_status=status, retry_after=retry_after)
    return UpstreamBadReply(f"the upstream answered {status}, which no chat API does", upstream_status=status)


def _is_json(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except ValueError:
        return False
    return True


def _error_detail(raw: bytes) -> tuple[str | None, str | None, str | None]:
    """(message, code, param) of an error in OpenAI's shape; None for each that is missing."""
    try:
        error = orjson.loads(raw)["error"]
    except (ValueError, KeyError, TypeError):
        return None, None, None
    if not isinstance(error, dict):
        return _message(error), None, None
    code, param = error.get("code"), error.get("param")
    return _message(error), _short(code), _short(param)


def _error_frame(error: object) -> UpstreamError:
    """An error inside a stream: an engine that fails after its 200 has no other way to report it."""
    message = _message(error) or "the upstream's stream carried an error"
    status = error.get("code") if isinstance(error, dict) else None
    if isinstance(status, int) and 400 <= status < 500 and status != 429:
        return UpstreamRejected(message, upstream_status=status)
    return UpstreamFault(message)


def _given_up() -> UpstreamError:
    return UpstreamFault("the upstream gave up the answer before its end")


def _message(error: object) -> str | None:
    return _short(error.get("message") if isinstance(error, dict) else error)


def _short(text: object) -> str | None:
    """An upstream's text, cut to a length that fits an error."""
    return text[:1000] if isinstance(text, str) and text else None
