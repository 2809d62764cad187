"""Demo 3's exercise, solved as the third hints in HINTS.md say: an attendee's finished cache.

`build` is the attendee's own stack, with these parts in place of the starter's.
"""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI

from demos.demo_3_caching.exercise import app as exercise
from shared.cache.parts import Fetch
from shared.pipeline.call import Call, ChatRequest
from shared.pipeline.reply import Completion
from shared.settings import Settings


def cache_key(request: ChatRequest, *, cache: str, owner: Sequence[str], upstream: str) -> str:
    text = json.dumps([cache, owner, upstream, request.to_wire()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.bytes = 0
        self.evictions = 0
        self.expirations = 0
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> bytes | None:
        if key not in self._entries:
            return None
        value, expires = self._entries[key]
        if time.monotonic() >= expires:
            self._drop(key)
            self.expirations += 1
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: str, value: bytes, ttl: float) -> bool:
        self._drop(key)
        size = len(key) + len(value)
        if size > self.max_bytes:
            return False
        self._entries[key] = value, time.monotonic() + ttl
        self.bytes += size
        while len(self) > self.max_entries or self.bytes > self.max_bytes:
            self._drop(next(iter(self._entries)))
            self.evictions += 1
        return True

    def drop_expired(self) -> None:
        now = time.monotonic()
        for key in [key for key, (_, expires) in self._entries.items() if now >= expires]:
            self._drop(key)
            self.expirations += 1

    def _drop(self, key: str) -> None:
        if key in self._entries:
            value, _ = self._entries.pop(key)
            self.bytes -= len(key) + len(value)


class SingleFlight:
    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Future[Completion]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._tasks

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        task = self._tasks.get(key)
        if task is not None:
            return replace(await asyncio.shield(task), cached=True)
        task = self._tasks[key] = asyncio.ensure_future(fetch(call))
        task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return await asyncio.shield(task)


def build(settings: Settings) -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        for part in (cache_key, Store, SingleFlight):
            patch.setattr(exercise, part.__name__, part)
        return exercise.build(settings)
