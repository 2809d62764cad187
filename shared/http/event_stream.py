"""A response of server-sent events, for clients that may leave, fall silent, or read slowly.

In: the events, in bytes. Out: each event, as soon as it is there. When the client leaves, the events stop. When the
client does not read, they wait: uvicorn's `send` returns when its buffer has room, so nothing piles up here.
Knows nothing of the events' content.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.http.disconnect import hang_up, when_gone
from shared.upstream.sse import comment

KEEP_ALIVE = comment(b"keep-alive")


# region: event-stream
class EventStream(Response):
    """`keepalive`: seconds of silence before a comment is sent, which keeps proxies from hanging up.

    `patience`: seconds that a client may leave data unread before it counts as gone.
    `farewell`: the last event for a client whose stream is cut because the server shuts down.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        *,
        headers: Mapping[str, str],
        keepalive: float,
        patience: float,
        farewell: bytes = b"",
    ) -> None:
        super().__init__(headers={**headers, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._keepalive = keepalive
        self._patience = patience
        self._farewell = farewell

    # region: event-stream-call
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        client = _Client(send, hang_up(scope), self._keepalive, self._patience)
        forget = when_gone(scope, receive, client.leave)
        try:
            async for data in self._events:
                await client.send(data)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except asyncio.CancelledError:
            client.task.uncancel()
            if not client.left:  # the server is shutting down
                await client.send(self._farewell)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            forget()
            client.stop()
            await self._events.aclose()

    # endregion: event-stream-call


# endregion: event-stream


class _Client:
    """Watches the client of a stream, and cancels the task that writes when the client is gone."""

    def __init__(self, send: Send, hang_up: Callable[[], None], keepalive: float, patience: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self.left = False
        self._send = send
        self._hang_up = hang_up
        self._keepalive = keepalive
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()  # start of the current or the last send
        self._sending = False
        self._comment: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(min(keepalive, patience), self._look)

    def stop(self) -> None:
        self._timer.cancel()
        if self._comment is not None:
            self._comment.cancel()

    async def send(self, data: bytes) -> None:
        self._sending = True
        self._since = self._loop.time()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._sending = False

    def _look(self) -> None:
        """One timer per stream, re-armed only when it fires: an event costs one reading of the clock."""
        quiet = self._loop.time() - self._since
        bound = self._patience if self._sending else self._keepalive
        if quiet < bound:
            self._timer = self._loop.call_later(bound - quiet, self._look)
        elif self._sending:
            self._hang_up()  # a normal close would keep the connection until the client reads
            self.leave()
        else:
            self._comment = asyncio.create_task(self.send(KEEP_ALIVE))
            self._timer = self._loop.call_later(min(self._keepalive, self._patience), self._look)

    def leave(self) -> None:
        if not self.left:
            self.left = True
            self.task.cancel()
