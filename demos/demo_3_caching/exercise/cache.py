"""The three parts of a cache of answers, yours to write. As they stand, nothing is ever found again.

Each docstring says what must be true, and which checks of `make grade-3 SOLUTION=exercise` look whether it is. The
layer around the parts (shared/layers/response_cache.py) is given: it leaves out what is sampled, obeys Cache-Control,
and counts. Stuck? HINTS.md.
"""

import secrets
from collections.abc import Sequence

from shared.cache.single_flight import Fetch
from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.reply import Completion


def cache_key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
    """Task 1. The name under which an answer is kept: equal for equal questions, and only for them.

    What makes two questions equal: all of `request.to_wire()`, which is what the model is sent; the `owner`, who may
    see the answer; the `upstream`, who gave it. `cache` is "responses" or "summaries": each has a store of its own
    anyway. The name is short, 100 characters or less, and does not tell what was asked. You see it work together with
    task 2.
    Checks: hit, pays_once, hit_is_free, key, callers, cache_control, summaries, redis_lost.
    """
    return secrets.token_hex(16)


class Store:
    """Task 2. Values under keys, in memory, bounded, and each for its time only.

    Never more than `max_entries` entries, never more than `max_bytes` bytes in all: what was not used for longest makes
    room. `bytes` (of what is there), `evictions` (had to make room) and `expirations` (time was up) are what
    GET /cache/stats shows. All methods run on the event loop, one after the other: no locks.
    Checks: hit_speed, ttl, size_bound, lru, stats, cache_control, dead_upstream, redis_lost.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.bytes = 0
        self.evictions = 0
        self.expirations = 0

    def __len__(self) -> int:
        return 0

    def get(self, key: str) -> bytes | None:
        """The value; None if it is not there, or its time is up."""
        return None

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep `value` for `ttl` seconds from now, in place of what is there; False if it is too large to be kept."""
        return False

    def drop_expired(self) -> None:
        """Forget all whose time is up: called before somebody counts."""


class SingleFlight:
    """Task 3. Equal calls that come while one of them is under way wait for its answer: one call upstream.

    Who waits gets the same answer as a reply with cached=True: another call has paid. Who leaves, leaves alone: when
    the first is cancelled, the others still get the answer. When it is there, or has failed, the next begins anew.
    Checks: single_flight; leader_leaves and errors_not_kept must stay as they are.
    """

    def __contains__(self, key: str) -> bool:
        """Is a call for `key` under way?"""
        return False

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        """The answer: of the call under way, if there is one, or of `await fetch(call)`."""
        return await fetch(call)
