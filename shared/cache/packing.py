"""An answer as bytes, and back.

In: a Completion and the key that it is kept under. Out: compact JSON that a version and the key begin, so that bytes of
another version, of another program or of another request are never taken for this answer.
"""

from typing import Any

import orjson

from shared.call import Usage
from shared.reply import Completion

FORMAT = 1  # raise it when the shape below changes: what older versions have kept becomes a miss


def pack(key: str, reply: Completion) -> bytes:
    usage = reply.usage
    fields = [FORMAT, key, reply.model, reply.finish_reason, usage.input, usage.output, usage.estimated, reply.body]
    # Copied, because what orjson returns keeps the four kilobytes of its buffer for as long as it lives.
    return bytes(memoryview(orjson.dumps(fields)))


def unpack(key: str, packed: bytes) -> Completion | None:
    """The answer, marked as cached; None if these bytes are not an answer to `key`."""
    try:
        version, kept_under, model, reason, tokens_in, tokens_out, estimated, body = orjson.loads(packed)
        if version != FORMAT or kept_under != key:
            return None
        usage = Usage(int(tokens_in), int(tokens_out), bool(estimated))
        return Completion(str(model), _text(body), usage, reason, body, cached=True)
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _text(body: Any) -> str:
    text = body["choices"][0]["message"].get("content") or ""
    if not isinstance(text, str):
        raise TypeError
    return text
