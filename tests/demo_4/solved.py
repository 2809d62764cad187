"""Demo 4's exercise, solved as the third hints in HINTS.md say: an attendee's finished parts.

`build` is the attendee's own stack, with these parts in place of the starter's.
"""

import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from demos.demo_4_streaming.exercise import app as exercise
from shared.pipeline.call import Call
from shared.pipeline.errors import ServiceError
from shared.pipeline.reply import Format, TokenStream
from shared.resilience.circuit import Result, Rules, State
from shared.settings import Settings
from shared.upstream.sse import DONE, event


class Breaker:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._era = 0
        self._become(State.CLOSED)

    def _become(self, state: State) -> None:
        self._state = state
        self._since = time.monotonic()
        self._era += 1
        self._failures = self._probing = self._successes = 0

    @property
    def state(self) -> State:
        if self._state is State.OPEN and self.half_open_in() <= 0:
            self._become(State.HALF_OPEN)
        return self._state

    def admit(self) -> int | None:
        if self.state is State.OPEN:
            return None
        if self.state is State.HALF_OPEN:
            if self._probing == self.rules.probes:
                return None
            self._probing += 1
        return self._era

    def settle(self, permit: int, result: Result) -> None:
        if permit != self._era:
            return
        if self._state is State.HALF_OPEN:
            self._probing -= 1
            if result is Result.FAILURE:
                self._become(State.OPEN)
            elif result is Result.SUCCESS:
                self._successes += 1
                if self._successes == self.rules.successes:
                    self._become(State.CLOSED)
        elif result is Result.SUCCESS:
            self._failures = 0
        elif result is Result.FAILURE:
            self._failures += 1
            if self._failures == self.rules.failures:
                self._become(State.OPEN)

    def half_open_in(self) -> float:
        if self._state is not State.OPEN:
            return 0.0
        return self._since + self.rules.open_for - time.monotonic()

    def report(self) -> Mapping[str, Any]:
        return {"failures_in_a_row": self._failures}


class Events:
    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, block: bytes) -> list[bytes]:
        payloads = []
        self._rest += block
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                payloads.append(b"\n".join(self._data))
                self._data = []
        return payloads


async def relay(call: Call, stream: TokenStream, format: Format) -> AsyncGenerator[bytes]:
    try:
        async for chunk in stream:
            if data := format.chunk(chunk):
                yield data
        yield format.end(call) + event(DONE)
    except ServiceError as broken:
        yield event(orjson.dumps(broken.envelope(call.request_id)))
    finally:
        await stream.aclose()


def build(settings: Settings) -> FastAPI:
    with pytest.MonkeyPatch.context() as patch:
        for part in (Breaker, Events, relay):
            patch.setattr(exercise, part.__name__, part)
        return exercise.build(settings)
