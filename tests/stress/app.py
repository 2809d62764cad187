"""Demo 4 as it is, and one route more: what is going on inside it, which no client of the real one can see."""

import asyncio
import gc
import sys

from fastapi import FastAPI

from demos.demo_4_streaming import app as demo_4
from shared.http import protocol
from shared.settings import Settings

INSIDE = "/inside"


def build(settings: Settings) -> FastAPI:
    app = demo_4.build(settings)

    @app.get(INSIDE)
    async def inside() -> dict[str, int]:
        """Tasks on the event loop, this one too. What was dropped with an exception in it says so on stderr now."""
        gc.collect()
        return {"tasks": len(asyncio.all_tasks())}

    return app


def impatient(settings: Settings) -> FastAPI:
    """A second instead of more than a minute: for idle connections, and for the unread end of a reply."""
    protocol.UNREAD = 1.0
    sys.modules["__main__"].KEEP_ALIVE = 1  # type: ignore[attr-defined]  # shared/server.py, which is what runs
    return build(settings)
