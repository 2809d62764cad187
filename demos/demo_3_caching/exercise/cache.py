"""The three parts of a cache for answers, for you to write. Until then nothing is ever found again.

Each docstring says what must be true, and which checks of `make grade-3 SOLUTION=exercise` test it. The layer around
the parts (shared/layers/response_cache.py) is given: it skips sampled answers, obeys Cache-Control, and counts hits and
misses. Stuck? Read HINTS.md.
"""

import secrets
from collections.abc import Sequence

from shared.cache.parts import Fetch
from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.reply import Completion


def cache_key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
    """Task 1. The key under which an answer is kept: equal for equal questions, and only for them.

    Two questions are equal if three things are equal: all of `request.to_wire()`, which is sent to the model; the
    `owner`, who may see the answer; and the `upstream`, which gave it. `cache` is "responses" or "summaries": each has
    its own store anyway. The key is short, at most 100 characters, and does not reveal the question. You see it work
    only together with task 2.
    Checks: hit, pays_once, hit_is_free, key, callers, cache_control, summaries, redis_lost.
    """
    return secrets.token_hex(16)


class Store:
    """Task 2. Values by key, in memory and bounded, each only until its time is up.

    A store never holds more than `max_entries` entries or more than `max_bytes` bytes in all: the least recently used
    entry makes room. GET /cache/stats shows `bytes` (of all entries), `evictions` (to make room) and `expirations`
    (time was up). All methods run on the event loop, one after the other, so you need no locks.
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
        """The value, or None if it is missing or its time is up."""
        return None

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        """Keep `value` for `ttl` seconds from now, instead of any older value. False if it is too large to keep."""
        return False

    def drop_expired(self) -> None:
        """Drop all entries whose time is up: called before the entries are counted."""


class SingleFlight:
    """Task 3. Equal calls that come while one of them is in progress wait for its answer: one call upstream.

    A call that waits gets the same answer as a reply with cached=True: another call has paid. If the first call is
    cancelled, the others still get the answer. After an answer or a failure, the next equal call asks upstream again.
    Checks: single_flight; leader_leaves and errors_not_kept must stay as they are.
    """

    def __contains__(self, key: str) -> bool:
        """Is a call for `key` in progress?"""
        return False

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        """The answer of the call in progress, if there is one; otherwise that of `await fetch(call)`."""
        return await fetch(call)
