"""GET /v1/models: many who ask are no load on the upstream."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2

from demos.demo_4_streaming.app import build
from shared.settings import Settings

LIST = b'{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"x"}]}'


def test_fifty_at_once_ask_the_upstream_once(tmp_path: Path) -> None:
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % len(LIST))
        writer.write(b"Connection: close\r\n\r\n" + LIST)
        await writer.drain()
        writer.close()

    async def ask_at_once() -> list[httpx2.Response]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as upstream:
            port = upstream.sockets[0].getsockname()[1]
            app = build(
                Settings(
                    openai_base_url=f"http://127.0.0.1:{port}/v1",
                    database_url=f"sqlite:///{tmp_path}/w.db",
                    log_file="-",
                    rate_limit_anonymous_rpm=1000,
                )
            )
            transport = httpx2.ASGITransport(app=app)
            async with (
                app.router.lifespan_context(app),
                httpx2.AsyncClient(transport=transport, base_url="http://x") as us,
            ):
                paths = ["/v1/models"] * 50
                return list(await asyncio.gather(*map(us.get, paths)))

    replies = asyncio.run(ask_at_once())
    assert [reply.content for reply in replies] == [LIST] * 50
    assert asked == 1
