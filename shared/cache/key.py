"""The key of a cached answer: equal exactly when the same question comes from a caller who may see the answer.

In: a request, its owner, the upstream, the cache's name. Out: 64 hexadecimal digits. The key is made from the body that
is sent to the upstream, so it cannot miss a field that changes the answer.
"""

import hashlib
from collections.abc import Sequence

import orjson

from shared.pipeline.call import ChatRequest
from shared.upstream.openai_wire import written


def cache_key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
    """SHA-256 of the canonical JSON (sorted names, no blanks) of all four arguments.

    `owner` says who may see the answer. `upstream` is the API's URL: the same name may be another model elsewhere.
    """
    # region: key-made-of
    wire = request.to_wire()
    if request.temperature is not None:
        wire["temperature"] = float(request.temperature)  # 0 and 0.0 ask the same
    canonical = written([cache, owner, upstream, wire], orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()
    # endregion: key-made-of
