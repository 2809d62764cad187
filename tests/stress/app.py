"""Demo 4 with one more route, which shows its inner state that clients cannot see."""

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
        """The number of tasks on the event loop, including this one. Lost exceptions now show up on stderr."""
        gc.collect()
        return {"tasks": len(asyncio.all_tasks())}

    return app


def impatient(settings: Settings) -> FastAPI:
    """Waits one second instead of more than a minute for idle connections and for clients that do not read."""
    protocol.UNREAD = 1.0
    sys.modules["__main__"].KEEP_ALIVE = 1  # type: ignore[attr-defined]  # shared/server.py, which is what runs
    return build(settings)
