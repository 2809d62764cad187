"""The minimal gateway: Starlette and an HTTP client, bytes in, bytes out. `make bench` measures ours against it.

`app` calls the upstream with aiohttp, `on_our_client` with the client of `shared`: what is left between it and our
gateway is what a gateway is for. `OPENAI_BASE_URL` is the upstream. Checks nothing, logs nothing, counts nothing.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from yarl import URL

from shared.http_client.pool import Pool
from shared.http_client.response import Response as UpstreamResponse

CHAT = URL(os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8100/v1") + "/chat/completions")
EVENTS = "text/event-stream"
JSON = "application/json"
HEADERS = {"Content-Type": JSON}
MOST_CONNECTIONS = 20_000
LARGEST_ANSWER = 10_000_000  # bytes

# --- with aiohttp ---


@asynccontextmanager
async def _session(app: Starlette) -> AsyncIterator[dict[str, aiohttp.ClientSession]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield {"session": session}


async def _relay_by_aiohttp(request: Request) -> Response:
    body = await request.body()
    upstream = await request.state.session.post(CHAT, data=body, headers=HEADERS)
    if upstream.content_type == EVENTS:
        return StreamingResponse(_blocks_of_aiohttp(upstream), upstream.status, media_type=EVENTS)
    async with upstream:
        return Response(await upstream.read(), upstream.status, media_type=JSON)


async def _blocks_of_aiohttp(upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with upstream:
        async for block in upstream.content.iter_any():
            yield block


# --- with our own client ---


@asynccontextmanager
async def _pool(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    pool = Pool(CHAT, most=MOST_CONNECTIONS, connect_seconds=10, idle_seconds=30)
    yield {"pool": pool, "head": pool.head("POST", CHAT, HEADERS)}
    pool.close()


async def _relay_by_pool(request: Request) -> Response:
    upstream = await request.state.pool.send(request.state.head, await request.body())
    if upstream.media_type == EVENTS:
        return StreamingResponse(_blocks_of_pool(upstream), upstream.status, media_type=EVENTS)
    return Response(await upstream.read(LARGEST_ANSWER), upstream.status, media_type=JSON)


async def _blocks_of_pool(upstream: UpstreamResponse) -> AsyncIterator[bytes]:
    try:
        while block := await upstream.block():
            yield block
    finally:
        upstream.close()


# --- the same application around both ---


async def _health(request: Request) -> Response:
    return Response(b"{}", media_type=JSON)


def _application(
    relay: Callable[[Request], Awaitable[Response]], lifespan: Callable[[Starlette], AbstractAsyncContextManager[Any]]
) -> Starlette:
    return Starlette(
        routes=[Route("/v1/chat/completions", relay, methods=["POST"]), Route("/health", _health)], lifespan=lifespan
    )


app = _application(_relay_by_aiohttp, _session)
on_our_client = _application(_relay_by_pool, _pool)
