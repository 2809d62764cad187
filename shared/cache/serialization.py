"""An answer as bytes, and back.

In: a Completion and its key. Out: a line of compact JSON, then the upstream's reply, byte for byte. The line begins
with a version and the key, so that bytes of another version, another program or another request are never taken for
this answer.
"""

import orjson

from shared.pipeline.outcome import Usage
from shared.pipeline.reply import Completion
from shared.upstream.openai_wire import MISSHAPEN, answer_text

FORMAT = 2  # increase it when the shape below changes: entries of older versions become misses


def pack(key: str, reply: Completion) -> bytes:
    usage = reply.usage
    fields = [FORMAT, key, reply.model, reply.finish_reason, usage.input, usage.output, usage.estimated]
    return orjson.dumps(fields) + b"\n" + reply.raw


def unpack(key: str, packed: bytes) -> Completion | None:
    """The answer, marked as cached; None if these bytes are not an answer to `key`."""
    head, _, raw = packed.partition(b"\n")
    try:
        version, kept_under, model, reason, tokens_in, tokens_out, estimated = orjson.loads(head)
        if version != FORMAT or kept_under != key:
            return None
        usage = Usage(int(tokens_in), int(tokens_out), bool(estimated))
        return Completion(str(model), answer_text(raw), usage, reason, raw, cached=True)
    except MISSHAPEN:
        return None
