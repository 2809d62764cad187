"""A fault far from the request's own code is logged with the request's id: a lost connection, a breaker that opens."""

import asyncio
import json
import logging

from starlette.types import Receive, Scope, Send

from shared.http.request_id import RequestId
from shared.logs.json_lines import JsonFormatter

log = logging.getLogger("far.away")


async def loses_its_connection(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0)
    log.warning("connection lost")


async def serve(*ids: bytes) -> None:
    async def unused(*_: object) -> None: ...

    app = RequestId(loses_its_connection)
    scopes = [{"type": "http", "headers": [(b"x-request-id", id)]} for id in ids]
    await asyncio.gather(*(app(scope, unused, unused) for scope in scopes))  # type: ignore[arg-type]


def test_requests_at_the_same_time_have_lines_with_their_own_ids() -> None:
    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    lines: list[dict[str, object]] = []
    handler = Kept()
    log.addHandler(handler)
    try:
        asyncio.run(serve(b"one", b"two"))
        log.warning("nobody asks")
    finally:
        log.removeHandler(handler)
    assert [line.get("request_id") for line in lines] == ["one", "two", None]
