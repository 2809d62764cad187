"""OpenAI's chat API as upstreams implement it: bytes of a reply in; completions and chunks out.

A relay does not judge: what arrives is passed on as it came, whatever it contains, and is read only to count it, to
know the text, and to see where the answer ends. Knows nothing of connections, and nothing of our own routes.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import orjson

from shared.pipeline.call import ChatRequest
from shared.pipeline.errors import InvalidRequest, UpstreamBadReply, UpstreamError, UpstreamFault
from shared.pipeline.outcome import Usage
from shared.pipeline.reply import Chunk, Completion
from shared.upstream import lenient_json
from shared.upstream.openai_errors import error_in
from shared.upstream.sse import DONE, event

LARGEST_REPLY = 16 << 20  # bytes
CHARACTERS_PER_TOKEN = 4  # the usual estimate, for an upstream that does not count
MOST_TOKENS = 1 << 32  # of one call; a larger count is nonsense

# These reasons mean an unfinished answer: an engine that is stopped in the middle answers 200 with what it has.
GIVEN_UP = ("abort", "error")

# The fields of a message or a delta that are not generated text: names, numbers, and data that is not text.
NOT_TEXT = frozenset(("role", "id", "type", "index", "data", "url", "format", "mime_type", "expires_at", "signature"))
EMPTY: tuple[object, ...] = (None, "", [], {})

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
    """Raises UpstreamBadReply for bytes that are no answer, and UpstreamError for the error that they hold instead."""
    try:
        body = lenient_json.read(raw)
        if error := error_in(body):
            raise error
        choices = body["choices"]
        message = choices[0]["message"]
        if not isinstance(message, dict):
            raise TypeError
        if any(choice.get("finish_reason") in GIVEN_UP for choice in choices):
            raise _given_up()
        return Completion(
            model=_string(body.get("model")) or request.model,
            text=lenient_json.well_formed(_text(message)),
            usage=_usage(body.get("usage")) or estimate(request, sum(_length(_part(choice)) for choice in choices)),
            finish_reason=_string(choices[0].get("finish_reason")),
            raw=raw,
        )
    except MISSHAPEN:
        raise UpstreamBadReply("the upstream answered 200 with something that is not a chat completion") from None


def answer_text(raw: bytes) -> str:
    """The text of a completion's first choice. Raises one of MISSHAPEN."""
    return lenient_json.well_formed(_text(lenient_json.read(raw)["choices"][0]["message"]))


def estimate(request: ChatRequest, response_length: int) -> Usage:
    """The estimated usage of a call that the upstream did not count. `response_length` is in characters."""
    return Usage(prompt_tokens(request), -(-response_length // CHARACTERS_PER_TOKEN), estimated=True)


def prompt_tokens(request: ChatRequest) -> int:
    """The estimated tokens of a prompt."""
    return -(-len(request.prompt) // CHARACTERS_PER_TOKEN)


def worst_case(request: ChatRequest) -> int:
    """The most tokens that a call may use: its estimated prompt, and every choice at full length."""
    return prompt_tokens(request) + request.longest_answer * request.choices


# --- streams -----------------------------------------------------------------------------------------------------


class Frames:
    """Reads the data frames of one stream as they arrive."""

    def __init__(self, request: ChatRequest) -> None:
        # We always ask for usage. A client that did not ask is not sent the frame that has only usage.
        options = request.extra.get("stream_options")
        self._hides_usage = not (isinstance(options, dict) and options.get("include_usage"))
        self._half = ""  # the first half of a surrogate pair: its second half may be in the next frame
        self.done = False  # `[DONE]` has arrived
        self._begun = False  # any frame has
        self.finished = False  # a finish reason has, or `[DONE]` after a frame: a stream that ends before was cut
        self.unreadable = False  # a frame was no JSON, and was passed on

    def read(self, payloads: Iterable[bytes]) -> tuple[Chunk | None, UpstreamError | None]:
        """The frames up to `[DONE]` or to the first error, as one chunk; and that error."""
        wire: list[bytes] = []
        text, model, length, usage, reason, carries = "", "", 0, None, None, False
        broken: UpstreamError | None = None
        for payload in payloads:
            if payload[:1] != b"{":  # unusual
                if payload.strip().startswith(DONE):  # as OpenAI's SDK reads it
                    self.done = True
                    self.finished = self.finished or self._begun
                    break
                if not payload or payload.isspace():  # a heartbeat
                    continue
            try:
                frame = lenient_json.read(payload)
            except lenient_json.Unreadable:
                self.unreadable = True
                wire.append(event(payload))
                continue
            self._begun = True
            if broken := error_in(frame):
                break
            if not isinstance(frame, dict):
                wire.append(event(payload))
                continue
            model = _string(frame.get("model")) or model
            counted = _usage(frame.get("usage"))
            usage = counted or usage
            choices = frame.get("choices")
            if not choices or not isinstance(choices, list):
                if not (counted and self._hides_usage):
                    wire.append(event(payload))
                continue
            if any(isinstance(choice, dict) and choice.get("finish_reason") in GIVEN_UP for choice in choices):
                broken = _given_up()
                break
            for choice in choices:
                delta = _part(choice)
                length += _length(delta)
                carries = carries or _carries(delta)
                if isinstance(choice, dict):
                    reason = _string(choice.get("finish_reason")) or reason
                    text += _text(delta) if choice is choices[0] and choice.get("index", 0) == 0 else ""
            wire.append(event(payload))
        self.finished = self.finished or reason is not None
        if not wire and usage is None:
            return None, broken
        return Chunk(b"".join(wire), self._whole_characters(text), length, model, usage, reason, carries), broken

    def _whole_characters(self, text: str) -> str:
        if text.isascii() and not self._half:
            return text
        text, self._half = self._half + text, ""
        if lenient_json.ends_in_half(text):
            text, self._half = text[:-1], text[-1]
        return lenient_json.well_formed(text)


def joined(chunks: Iterable[Chunk]) -> Chunk:
    """Several chunks as one."""
    wire, text, model, length, usage, reason, carries = b"", "", "", 0, None, None, False
    for chunk in chunks:
        wire, text, length = wire + chunk.wire, text + chunk.text, length + chunk.length
        model, usage, reason = chunk.model or model, chunk.usage or usage, chunk.finish_reason or reason
        carries = carries or chunk.carries
    return Chunk(wire, text, length, model, usage, reason, carries)


# --- messages and deltas -------------------------------------------------------------------------------------------


def _part(choice: object) -> dict[str, Any]:
    """The delta or the message of a choice."""
    part = (choice.get("delta") or choice.get("message")) if isinstance(choice, dict) else None
    return part if isinstance(part, dict) else {}


def _text(part: dict[str, Any]) -> str:
    """The text for our own routes. A content in parts has text in some of them."""
    content = part.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (piece.get("text") if isinstance(piece, dict) else piece for piece in content)
    return "".join(text for text in texts if isinstance(text, str))


def _carries(delta: dict[str, Any]) -> bool:
    """Whether a delta has anything but a role, of whatever kind."""
    return any(name != "role" and value not in EMPTY for name, value in delta.items())


def _length(part: dict[str, Any]) -> int:
    """Generated characters of a message or a delta: text, reasoning, refusals, arguments of tools, kinds to come."""
    length, left = 0, [value for name, value in part.items() if value and name not in NOT_TEXT]
    while left:
        value = left.pop()
        if isinstance(value, str):
            length += len(value)
        elif isinstance(value, dict):
            left += [inner for name, inner in value.items() if inner and name not in NOT_TEXT]
        elif isinstance(value, list):
            left += value
    return length


def _string(value: object) -> str | None:
    return lenient_json.well_formed(value) if isinstance(value, str) else None


def _usage(reported: object) -> Usage | None:
    """The upstream's own count; None if it is missing or makes no sense."""
    if not isinstance(reported, dict):
        return None
    tokens_in, tokens_out = _tokens(reported.get("prompt_tokens")), _tokens(reported.get("completion_tokens"))
    if tokens_in is None or tokens_out is None:
        return None
    if total := _tokens(reported.get("total_tokens")):  # some count reasoning in the total alone
        tokens_out = max(tokens_out, total - tokens_in)
    of_input, of_output = reported.get("prompt_tokens_details"), reported.get("completion_tokens_details")
    if not of_input and not of_output and len(reported) <= 3:
        return Usage(tokens_in, tokens_out)
    inputs = {**reported, **of_input} if isinstance(of_input, dict) else reported
    outputs = of_output if isinstance(of_output, dict) else {}
    # By the names of OpenAI, Anthropic (also OpenRouter), and DeepSeek.
    cached = min(tokens_in, _first_of(inputs, "cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens"))
    kept = _first_of(inputs, "cache_creation_input_tokens", "cache_write_tokens")
    return Usage(
        tokens_in,
        tokens_out,
        cache_read=cached,
        cache_write=min(kept, tokens_in - cached),
        audio_input=min(_first_of(inputs, "audio_tokens"), tokens_in),
        audio_output=min(_first_of(outputs, "audio_tokens"), tokens_out),
    )


def _tokens(value: object) -> int | None:
    """A sensible count. True is an int in Python."""
    return int(value) if isinstance(value, int) and 0 <= value < MOST_TOKENS else None


def _first_of(counts: Mapping[str, object], *names: str) -> int:
    return next((count for name in names if (count := _tokens(counts.get(name)))), 0)


def _given_up() -> UpstreamError:
    return UpstreamFault("the upstream gave up the answer before its end")
