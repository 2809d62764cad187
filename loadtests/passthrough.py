"""The minimal gateway: Starlette + aiohttp, bytes in, bytes out. `make bench` measures ours against it.

`OPENAI_BASE_URL` is the upstream. Checks nothing, logs nothing, counts nothing.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8100/v1") + "/chat/completions"
EVENTS = "text/event-stream"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, aiohttp.ClientSession]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield {"session": session}


async def relay(request: Request) -> Response:
    body = await request.body()
    headers = {"Content-Type": "application/json"}
    upstream = await request.state.session.post(URL, data=body, headers=headers)
    if upstream.content_type == EVENTS:
        return StreamingResponse(_blocks(upstream), upstream.status, media_type=EVENTS)
    async with upstream:
        return Response(await upstream.read(), upstream.status, media_type="application/json")


async def _blocks(upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with upstream:
        async for block in upstream.content.iter_any():
            yield block


async def health(request: Request) -> Response:
    return Response(b"{}", media_type="application/json")


app = Starlette(
    routes=[Route("/v1/chat/completions", relay, methods=["POST"]), Route("/health", health)], lifespan=lifespan
)
