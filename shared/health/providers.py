"""Do the upstreams answer? For GET /health: from the answers to calls or, without recent ones, from a look of our own.

In: the service. Out: each upstream by its name, whether it can be reached, and how long ago it last answered. Any
answer counts, even an error: failing upstreams are the circuit breaker's concern.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.upstream.client import Upstream
from shared.upstream.pools import Upstreams

if TYPE_CHECKING:
    from shared.service import Service

LOOK_SECONDS = 1.0
QUIET_SECONDS = 10.0  # without an answer, after which we ask


class Providers:
    """Looks at each upstream in the background, one look at a time: GET /health itself calls no upstream."""

    def __init__(self, service: Service) -> None:
        assert isinstance(service.upstreams, Upstreams)
        self._upstreams = service.upstreams.pools
        self._looking: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        self._looking = [asyncio.create_task(_keep_looking(upstream)) for upstream in self._upstreams.values()]

    async def close(self) -> None:
        for task in self._looking:
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    def checks(self) -> Mapping[str, Any]:
        upstreams = {name: _report(upstream) for name, upstream in self._upstreams.items()}
        reachable = sum(each["reachable"] is not False for each in upstreams.values())
        return {"providers": {"total": len(upstreams), "reachable": reachable, "upstreams": upstreams}}


async def _keep_looking(upstream: Upstream) -> None:
    while True:
        if upstream.doubted or _silence(upstream) >= QUIET_SECONDS:
            upstream.doubted = False
            await upstream.ready()
        await asyncio.sleep(LOOK_SECONDS)


def _silence(upstream: Upstream) -> float:
    """Seconds since it last answered."""
    return float("inf") if upstream.answered_at is None else time.monotonic() - upstream.answered_at


def _report(upstream: Upstream) -> Mapping[str, Any]:
    """`reachable` is null before the first look."""
    ever = upstream.answered_at is not None
    return {
        "reachable": upstream.reachable,
        "last_answer_s": round(_silence(upstream), 3) if ever else None,
    }
