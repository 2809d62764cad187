"""The three parts of a cache, as types: the key, the store, the single-flight.

A ResponseCache takes anything of these types. Ours are in key.py, memory.py and single_flight.py.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.reply import Completion


class MakeKey(Protocol):
    """Makes the key under which an answer is kept."""

    def __call__(self, request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str: ...


Packed = bytes  # an alias, because `Store.bytes` shadows `bytes`


class Store(Protocol):
    """The memory store that a Cache needs."""

    max_entries: int
    max_bytes: int
    bytes: int
    evictions: int
    expirations: int

    def __len__(self) -> int: ...

    def get(self, key: str) -> Packed | None: ...

    def put(self, key: str, value: Packed, ttl: float) -> bool: ...

    def drop_expired(self) -> None: ...


MakeStore = Callable[[int, int], Store]  # takes the most entries, and the most bytes

Fetch = Callable[[Call], Awaitable[Completion]]  # asks the upstream


class Flights(Protocol):
    """The single-flight that a ResponseCache needs."""

    def __contains__(self, key: str) -> bool: ...

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion: ...
