"""The pooled client of one OpenAI-compatible API: the innermost handler of every stack.

In: a Call. Out: a Completion, a TokenStream with its first token, or an UpstreamError that says whose fault it was and
whether a retry may help. Never retries and never times a call out: layers do that. Knows none of our own routes.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping

from pydantic import SecretStr
from yarl import URL

from shared import SERVICE_NAME, __version__
from shared.http_client.faults import ConnectTimeout, HttpFault, NoConnection, NotHttp, TooLarge
from shared.http_client.pool import Pool
from shared.http_client.response import Response
from shared.pipeline.call import Call
from shared.pipeline.errors import (
    UpstreamBadReply,
    UpstreamError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from shared.pipeline.reply import Chunk, Reply, TokenStream
from shared.settings import BadSetting, Settings
from shared.upstream.address import endpoint, proxy_for
from shared.upstream.dialect import Dialect
from shared.upstream.event_parser import Events, EventTooLong
from shared.upstream.openai_errors import refused
from shared.upstream.openai_wire import LARGEST_REPLY, Frames, completion, joined, written
from shared.upstream.sse import END_OF_EVENT, EventReader, MakeEvents

log = logging.getLogger(__name__)

PROBE_SECONDS = 2.0
SPARE_CONNECTIONS = 2  # for probes and lists of models: /ready must not queue behind calls on a busy day
MOST_EARLY_CHUNKS = 1000  # before the first token
LAST_BYTES_SECONDS = 0.05

Learn = Callable[[Mapping[str, str]], None]


class Upstream:
    """One pool of connections to `base_url`, for the life of the process. Open it inside the event loop.

    `api_key` defaults to OPENAI_API_KEY. `events` makes the reader of each stream. `learn` is told the headers of each
    reply. Raises BadSetting for a URL without a host that can be called.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        base_url: str,
        api_key: SecretStr | None = None,
        events: MakeEvents = Events,
        learn: Learn | None = None,
    ) -> None:
        try:
            URL(base_url).origin()
        except ValueError as reason:  # of OPENAI_BASE_URL; the URLs of other settings were read before
            raise BadSetting(f"OPENAI_BASE_URL={base_url}: {reason}") from None
        self.base_url = base_url
        self._proxy = proxy_for(base_url)
        self._headers = {"User-Agent": f"{SERVICE_NAME}/{__version__}"}
        if key := (settings.openai_api_key if api_key is None else api_key).get_secret_value():
            self._headers["Authorization"] = f"Bearer {key}"
        self._settings = settings
        self._events = events
        self._learn = learn
        self._dialect = Dialect()
        self._pool: Pool | None = None
        self._chat_head = b""
        self.answered_at: float | None = None  # by time.monotonic(); any answer counts
        self.reachable: bool | None = None  # None: not checked yet
        self.doubted = False  # a call could not reach it: it should be checked

    async def open(self) -> None:
        settings = self._settings
        self._pool = Pool(
            URL(self.base_url),
            most=settings.http_max_connections + SPARE_CONNECTIONS,
            connect_seconds=settings.http_connect_timeout,
            idle_seconds=settings.http_keepalive_expiry,
            proxy=self._proxy,
        )
        self._chat_head = self.head("POST", URL(endpoint(self.base_url, "chat/completions")))

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    @property
    def pool(self) -> Pool:
        assert self._pool is not None, "open() the upstream before calling it"
        return self._pool

    def head(self, method: str, url: URL) -> bytes:
        """The head of a request to this upstream, with its key, for `pool.send`."""
        return self.pool.head(method, url, {"Content-Type": "application/json", **self._headers})

    async def __call__(self, call: Call) -> Reply:
        """Send the call. Raises UpstreamError."""
        asked, before = time.perf_counter(), call.upstream_seconds
        try:
            return await self._ask(call)
        except UpstreamRejected as refusal:
            if not self._dialect.learn(call, refusal):
                raise
        finally:
            call.upstream_seconds = before + time.perf_counter() - asked
        return await self(call)  # once more, without the field that was refused

    async def _ask(self, call: Call) -> Reply:
        headers = {"X-Request-ID": call.request_id}
        if call.trace is not None:
            call.trace.tell(headers)
        try:
            response = await self.pool.send(self._chat_head, written(self._dialect.body(call)), headers)
            self._answered()
            if self._learn is not None:
                self._learn(response.headers)
            try:
                if response.status != 200:
                    raise refused(response.status, response.headers, await response.read(LARGEST_REPLY))
                if call.request.stream:
                    return await self._open_stream(call, response)
                return completion(await response.read(LARGEST_REPLY), call.request)
            except BaseException:
                response.close()  # also when cancelled: the upstream must learn that nobody waits
                raise
        except HttpFault as fault:
            self.doubted = True
            raise _connection_fault(fault) from None

    async def ready(self) -> bool:
        """Whether the upstream answers a request for its models."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                response = await self.pool.send(self.head("GET", URL(endpoint(self.base_url, "models"))))
                self._answered()
                response.close_within(LAST_BYTES_SECONDS)
                return response.status == 200
        except (HttpFault, TimeoutError):
            self.reachable = False
            return False

    def _answered(self) -> None:
        self.answered_at, self.reachable, self.doubted = time.monotonic(), True, False

    async def models(self, name: str = "") -> bytes:
        """The API's own list of models, or the entry of one (`name` quoted for a URL). Raises UpstreamError."""
        url = URL(endpoint(self.base_url, f"models/{name}" if name else "models"), encoded=True)
        patience = asyncio.timeout(self._settings.timeout)
        try:
            async with patience:
                response, body = await self.pool.fetch(self.head("GET", url), most=LARGEST_REPLY)
                if response.status != 200:
                    raise refused(response.status, response.headers, body)
                return body
        except TimeoutError:
            raise UpstreamTimeout(
                f"the upstream did not list its models within {self._settings.timeout:g} seconds"
            ) from None
        except HttpFault as fault:
            raise _connection_fault(fault) from None

    async def _open_stream(self, call: Call, response: Response) -> TokenStream:
        """Wait for the first token. Until it arrives, a failure can still become a status, a retry or a fallback."""
        if response.media_type != "text/event-stream":
            kind = response.media_type or "no Content-Type"
            raise UpstreamBadReply(f"the upstream answered a stream with {kind}")
        silence = Silence(self._settings.stream_silence_timeout, response.close)
        frames = Frames(call.request)
        chunks = _chunks(call, response, self._events(), frames, silence)

        closed = False

        async def close() -> None:
            nonlocal closed
            if closed:
                return
            closed = True
            silence.stop()
            if frames.done:  # usually nothing follows, and a connection that was read to its end can be used again
                response.close_within(LAST_BYTES_SECONDS)
            else:
                response.close()
            await chunks.aclose()

        # region: first-token
        early: list[Chunk] = []
        async for chunk in chunks:
            early.append(chunk)
            if len(early) > MOST_EARLY_CHUNKS:
                raise UpstreamBadReply(f"the upstream's stream has no token in its first {MOST_EARLY_CHUNKS} frames")
            if chunk.carries or chunk.finish_reason or frames.finished:
                silence.begin()
                return TokenStream(joined(early), chunks, close)
        raise UpstreamBadReply("the upstream's stream ended before its first token")
        # endregion: first-token


class Silence:
    """Detects that a stream is silent for `seconds`. One timer, re-armed only when it fires: a chunk costs nothing."""

    def __init__(self, seconds: float, then: Callable[[], None]) -> None:
        self.seconds = seconds
        self.over = False
        self.heard = 0.0
        self._then = then
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self.heard = time.monotonic()
        self._look_again_in(self.seconds)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        left = self.heard + self.seconds - time.monotonic()
        if left > 0:
            return self._look_again_in(left)
        self.over = True
        self._then()

    def _look_again_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)


async def _chunks(
    call: Call, response: Response, events: EventReader, frames: Frames, silence: Silence
) -> AsyncGenerator[Chunk]:
    """The chunks of the stream, until `[DONE]`. Raises UpstreamError."""
    try:
        while not frames.done:
            block = await _next_block(call, response)
            # The last event may lack its blank line.
            chunk, broken = frames.read(events.feed(block or END_OF_EVENT))
            if chunk is not None:  # comments and blank lines do not count as output of the model
                silence.heard = time.monotonic()
                yield chunk
            if broken is not None:
                raise broken
            if not block:
                break
    except EventTooLong:
        raise UpstreamBadReply("an event of the upstream's stream never ended") from None
    except HttpFault as fault:
        if silence.over:
            raise UpstreamTimeout(f"the upstream's stream was silent for {silence.seconds:g} seconds") from None
        raise _connection_fault(fault) from None
    if silence.over:
        raise UpstreamTimeout(f"the upstream's stream was silent for {silence.seconds:g} seconds")
    if not frames.finished and frames.unreadable:
        raise UpstreamBadReply("the upstream's stream ended without an answer, and has frames that are not JSON")
    if not frames.finished and not frames.done:
        raise UpstreamUnavailable("the upstream's stream broke off before its end")


async def _next_block(call: Call, response: Response) -> bytes:
    """The next bytes; empty at the end. The time that a slow client takes to read is not counted here."""
    asked = time.perf_counter()
    try:
        return await response.block()
    finally:
        call.upstream_seconds += time.perf_counter() - asked


def _connection_fault(fault: HttpFault) -> UpstreamError:
    """The error for a failed connection. Addresses go to the log, not to the client."""
    log.warning("upstream connection fault: %s: %s", type(fault).__name__, fault)
    match fault:
        case ConnectTimeout():
            return UpstreamTimeout("no connection to the upstream in time")
        case NoConnection():
            return UpstreamUnreachable("the upstream refused the connection")
        case NotHttp():
            return UpstreamBadReply("the upstream's reply is not valid HTTP")
        case TooLarge():
            return UpstreamBadReply(f"the upstream's reply is larger than {LARGEST_REPLY} bytes")
    return UpstreamUnavailable("the upstream dropped the connection")
