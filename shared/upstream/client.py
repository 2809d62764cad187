"""The pooled client of one OpenAI-compatible API: the innermost handler of every stack.

In: a Call. Out: a Completion, a TokenStream with its first token, or an UpstreamError that says whose fault it was and
whether a retry may help. Never retries and never times a call out: layers do that. Knows none of our own routes.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from pydantic import SecretStr
from yarl import URL

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
from shared.settings import Settings
from shared.upstream.address import endpoint, proxy_for
from shared.upstream.dialect import Dialect
from shared.upstream.event_parser import Events, EventTooLong
from shared.upstream.openai_errors import refused
from shared.upstream.openai_wire import LARGEST_REPLY, Frames, bounded, completion, joined, written
from shared.upstream.sse import END_OF_EVENT, EventReader, MakeEvents

log = logging.getLogger(__name__)

LARGEST_BLOCK = 1 << 16  # bytes of a stream read at once; they wait here while the client does not read
PROBE_SECONDS = 2.0
SPARE_CONNECTIONS = 2  # for probes and lists of models: /ready must not queue behind calls on a busy day
MOST_EARLY_CHUNKS = 1000  # before the first token
LAST_BYTES_SECONDS = 0.05
LONGEST_LINE = 1 << 16  # bytes of a header; aiohttp's own bound of 8190 is less than some proxies send


Learn = Callable[[Mapping[str, str]], None]


class Upstream:
    """One pool of connections to `base_url`, for the life of the process. Open it inside the event loop.

    `api_key` defaults to OPENAI_API_KEY. `events` makes the reader of each stream. `learn` is told the headers of each
    reply.
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
        self.base_url = base_url
        self._chat_url = URL(endpoint(base_url, "chat/completions"))
        self._models_url = URL(endpoint(base_url, "models"))
        self._proxy = proxy_for(base_url)
        self._headers = {"Content-Type": "application/json"}
        if key := (settings.openai_api_key if api_key is None else api_key).get_secret_value():
            self._headers["Authorization"] = f"Bearer {key}"
        self._settings = settings
        self._events = events
        self._learn = learn
        self._dialect = Dialect()
        self._endings = set[asyncio.Task[None]]()
        self._session: aiohttp.ClientSession | None = None
        self.answered_at: float | None = None  # by time.monotonic(); any answer counts
        self.reachable: bool | None = None  # None: not checked yet
        self.doubted = False  # a call could not reach it: it should be checked

    async def open(self) -> None:
        settings = self._settings
        connector = aiohttp.TCPConnector(
            limit=settings.http_max_connections + SPARE_CONNECTIONS, keepalive_timeout=settings.http_keepalive_expiry
        )
        # No total time-out here: one layer keeps the deadline of the whole call. Connecting begins with asking for the
        # address, which takes seconds where nobody knows the name.
        timeout = aiohttp.ClientTimeout(total=None, connect=settings.http_connect_timeout)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            headers=self._headers,
            proxy=self._proxy,
            cookie_jar=aiohttp.DummyCookieJar(),  # never share cookies between callers
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )

    async def close(self) -> None:
        await asyncio.gather(*self._endings)
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None, "open() the upstream before calling it"
        return self._session

    @property
    def connections(self) -> tuple[int, int]:
        """(open, in use). aiohttp has no public count of them."""
        connector = self.session.connector
        assert connector is not None
        idle, in_use = sum(map(len, connector._conns.values())), len(connector._acquired)
        return idle + in_use, in_use

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
            response = await self.session.post(
                self._chat_url,
                data=written(self._dialect.body(call)),
                headers=headers,
                allow_redirects=False,
            )
            self._answered()
            if self._learn is not None:
                self._learn(response.headers)
            try:
                if response.status != 200:
                    raise refused(response.status, response.headers, await _read(response))
                if call.request.stream:
                    return await self._open_stream(call, response)
                return completion(await _read(response), call.request)
            except BaseException:
                response.close()  # also when cancelled: the upstream must learn that nobody waits
                raise
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            self.doubted = True
            raise _connection_fault(fault) from None

    async def ready(self) -> bool:
        """Whether the upstream answers a request for its models."""
        try:
            async with (
                asyncio.timeout(PROBE_SECONDS),
                self.session.get(self._models_url, allow_redirects=False) as response,
            ):
                self._answered()
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.reachable = False
            return False

    def _answered(self) -> None:
        self.answered_at, self.reachable, self.doubted = time.monotonic(), True, False

    async def models(self, name: str = "") -> bytes:
        """The API's own list of models, or the entry of one (`name` quoted for a URL). Raises UpstreamError."""
        url = URL(endpoint(self.base_url, f"models/{name}" if name else "models"), encoded=True)
        patience = asyncio.timeout(self._settings.timeout)
        try:
            async with patience, self.session.get(url, allow_redirects=False) as response:
                body = await _read(response)
                if response.status != 200:
                    raise refused(response.status, response.headers, body)
                return body
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            if patience.expired():
                raise UpstreamTimeout(
                    f"the upstream did not list its models within {self._settings.timeout:g} seconds"
                ) from None
            raise _connection_fault(fault) from None

    async def _open_stream(self, call: Call, response: aiohttp.ClientResponse) -> TokenStream:
        """Wait for the first token. Until it arrives, a failure can still become a status, a retry or a fallback."""
        if response.content_type != "text/event-stream":
            raise UpstreamBadReply(f"the upstream answered a stream with {response.content_type}")
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
            if frames.done and not response.content.is_eof():  # nobody waits for what follows `[DONE]`
                ending = asyncio.create_task(_read_the_end(response))
                self._endings.add(ending)
                ending.add_done_callback(self._endings.discard)
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
    call: Call, response: aiohttp.ClientResponse, events: EventReader, frames: Frames, silence: Silence
) -> AsyncGenerator[Chunk]:
    """The chunks of the stream, until `[DONE]`. Raises UpstreamError."""
    response.content.set_read_chunk_size(LARGEST_BLOCK)
    try:
        while not frames.done:
            block = await _next_block(call, response.content)
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
    except (aiohttp.ClientError, OSError, TimeoutError) as fault:
        if silence.over:
            _forget_the_way(fault)
            raise UpstreamTimeout(f"the upstream's stream was silent for {silence.seconds:g} seconds") from None
        raise _connection_fault(fault) from None
    if silence.over:
        raise UpstreamTimeout(f"the upstream's stream was silent for {silence.seconds:g} seconds")
    if not frames.finished and frames.unreadable:
        raise UpstreamBadReply("the upstream's stream ended without an answer, and has frames that are not JSON")
    if not frames.finished and not frames.done:
        raise UpstreamUnavailable("the upstream's stream broke off before its end")


async def _next_block(call: Call, content: aiohttp.StreamReader) -> bytes:
    """The next bytes; empty at the end. The time that a slow client takes to read is not counted here."""
    asked = time.perf_counter()
    try:
        return await content.read(LARGEST_BLOCK)
    finally:
        call.upstream_seconds += time.perf_counter() - asked


async def _read_the_end(response: aiohttp.ClientResponse) -> None:
    """Read what follows `[DONE]`, usually nothing: a connection can be used again only if it was read to its end."""
    try:
        async with asyncio.timeout(LAST_BYTES_SECONDS):
            await response.content.readany()
    except (aiohttp.ClientError, OSError, TimeoutError) as fault:
        _forget_the_way(fault)
    finally:
        response.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, of at most LARGEST_REPLY bytes."""
    length = response.content_length
    # The length of a compressed body says nothing: a megabyte of gzip can hold a gigabyte.
    if length is not None and length <= LARGEST_REPLY and "Content-Encoding" not in response.headers:
        return await response.read()
    return await bounded(response.content.iter_any())


def _forget_the_way(fault: Exception) -> None:
    """aiohttp raises the same object for every closed connection: its traceback would keep each call in memory."""
    fault.__traceback__ = fault.__context__ = None


def _connection_fault(fault: Exception) -> UpstreamError:
    """The error for a failed connection. Addresses go to the log, not to the client."""
    _forget_the_way(fault)
    log.warning("upstream connection fault: %s: %s", type(fault).__name__, fault)
    if isinstance(fault, TimeoutError):
        return UpstreamTimeout("no connection to the upstream in time")
    if isinstance(fault, aiohttp.ClientConnectorError):
        return UpstreamUnreachable("the upstream refused the connection")
    if isinstance(fault, aiohttp.ClientResponseError) or isinstance(fault.__cause__, ContentEncodingError):
        return UpstreamBadReply("the upstream's reply is not valid HTTP")
    if isinstance(fault, aiohttp.InvalidURL):
        return UpstreamBadReply("OPENAI_BASE_URL is not a URL that can be called", retryable=False)
    return UpstreamUnavailable("the upstream dropped the connection")
