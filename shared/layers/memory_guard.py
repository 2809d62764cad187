"""Refuse new calls when memory is nearly used up, so that calls in progress can finish.

In: a Call. Out: its reply, or MemoryPressure at once, until there is room again. The watch knows how much memory there
is, and frees some: shared/memory/watch.py.
"""

from collections.abc import Mapping
from typing import Any

from shared.memory.watch import MemoryWatch
from shared.pipeline.call import Call
from shared.pipeline.errors import MemoryPressure
from shared.pipeline.layer import Handler
from shared.pipeline.outcome import Outcome
from shared.pipeline.reply import Reply

ASK_AGAIN_IN = 5.0  # seconds


class MemoryGuard:
    """Refuses calls when `memory` says so; opens and closes `memory`."""

    def __init__(self, memory: MemoryWatch) -> None:
        self.memory = memory

    async def open(self) -> None:
        await self.memory.open()

    async def close(self) -> None:
        await self.memory.close()

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if refusal := self.refusal():
            raise refusal
        self.memory.begin()
        call.on_done(self._ended)
        return await next(call)

    def refusal(self) -> MemoryPressure | None:
        """Also for GET /ready: another process may have room."""
        if not self.memory.refuses:
            return None
        return MemoryPressure("the service is out of memory; try again later", retry_after=ASK_AGAIN_IN)

    def _ended(self, outcome: Outcome) -> None:
        self.memory.end()

    def checks(self) -> Mapping[str, Any]:
        """For GET /health."""
        return {"memory": self.memory.report()}
