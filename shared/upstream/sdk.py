"""The upstream client of demos 1 to 3, which uses OpenAI's own SDK. Demo 4 replaces it.

In: a Call. Out: a Completion, or an UpstreamError that says whose fault it was. Whole answers only. Never retries and
never times a call out, although the SDK can do both: layers do that.
"""

import contextlib
import logging
import ssl
import time
from urllib.parse import parse_qsl, urlsplit

import httpx2
from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI, Omit

from shared.pipeline.call import Call, Target
from shared.pipeline.errors import (
    UpstreamBadReply,
    UpstreamError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreachable,
)
from shared.pipeline.reply import Completion
from shared.settings import EMBEDDED_BASE_URL, BadSetting, Settings
from shared.upstream.address import proxy_for
from shared.upstream.dialect import Dialect
from shared.upstream.openai_errors import refused
from shared.upstream.openai_wire import bounded, completion

log = logging.getLogger(__name__)

KEPT_OPEN = 20  # idle connections
PROBE_SECONDS = 2.0
NOBODY = "http://127.0.0.1:0/v1"  # no connection is ever made to port 0

# The reasons for a missing answer. The first one that matches counts.
FAULTS: tuple[tuple[type[Exception], type[UpstreamError], str], ...] = (
    (httpx2.TimeoutException, UpstreamTimeout, "no connection to the upstream in time"),
    (httpx2.ConnectError, UpstreamUnreachable, "the upstream refused the connection"),
    (httpx2.DecodingError, UpstreamBadReply, "the upstream's reply is not valid HTTP"),
    (Exception, UpstreamUnavailable, "the upstream dropped the connection"),
)


class OpenAIClient:
    """One SDK client with one pool of connections, for the life of the process. Open it inside the event loop.

    Raises BadSetting for an invalid URL.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.openai_base_url or EMBEDDED_BASE_URL
        self._key = settings.openai_api_key.get_secret_value()
        self._headers: dict[str, str | Omit] = {} if self._key else {"Authorization": Omit()}
        self._client: AsyncOpenAI | None = None
        self._dialect = Dialect()
        self._query = dict(parse_qsl(urlsplit(self._url).query))  # Azure's api-version
        try:
            httpx2.URL(self._url)
        except httpx2.InvalidURL as reason:
            raise BadSetting(f"OPENAI_BASE_URL={self._url}: {reason}") from None
        self._proxy = proxy_for(self._url)

    async def open(self) -> None:
        settings = self._settings
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # our own log has a line per request already
        no_time_out_but_to_connect = httpx2.Timeout(None, connect=settings.http_connect_timeout)
        connections = httpx2.Limits(
            max_connections=settings.http_max_connections,
            max_keepalive_connections=KEPT_OPEN,
            keepalive_expiry=settings.http_keepalive_expiry,
        )
        self._client = AsyncOpenAI(
            base_url=self._url.partition("?")[0],
            default_query=self._query,
            api_key=self._key or "none",  # the SDK insists on one
            max_retries=0,
            timeout=no_time_out_but_to_connect,
            http_client=httpx2.AsyncClient(
                limits=connections,
                timeout=no_time_out_but_to_connect,
                http2=True,
                trust_env=False,
                proxy=self._proxy,
                verify=ssl.create_default_context(),  # with SSL_CERT_FILE
            ),
        )
        await self._read_it_all()

    async def _read_it_all(self) -> None:
        """Load the rest of the SDK, which it does in a third of a second at its first request, before callers wait."""
        to_nobody = self.client.with_options(base_url=NOBODY)
        with contextlib.suppress(APIConnectionError):
            async with to_nobody.chat.completions.with_streaming_response.create(model="none", messages=[]):
                pass

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    @property
    def client(self) -> AsyncOpenAI:
        assert self._client is not None, "open() the client before calling it"
        return self._client

    async def __call__(self, call: Call) -> Completion:
        """Send the call. Raises UpstreamError."""
        try:
            return await self._ask(call)
        except UpstreamRejected as refusal:
            if not self._dialect.learn(call, refusal):
                raise
        return await self(call)  # once more, without the field that was refused

    # region: sdk-call
    async def _ask(self, call: Call) -> Completion:
        asked = time.perf_counter()
        try:
            async with self.client.chat.completions.with_streaming_response.create(
                **self._dialect.body(call), extra_headers={**self._headers, "X-Request-ID": call.request_id}
            ) as response:
                body = await bounded(response.iter_bytes())
                if response.status_code != 200:
                    raise refused(response.status_code, response.headers, body)
                return completion(body, call.request)
        except APIStatusError as refusal:
            raise refused(refusal.status_code, refusal.response.headers, refusal.response.content) from None
        except (APIConnectionError, httpx2.HTTPError) as fault:
            raise _why(fault) from None
        finally:
            call.upstream_seconds += time.perf_counter() - asked

    # endregion: sdk-call

    async def ready(self) -> bool:
        """Whether the upstream answers a request for its models."""
        try:
            await self.client.models.list(timeout=PROBE_SECONDS, extra_headers=self._headers)
        except (APIError, httpx2.HTTPError, ValueError):
            return False
        return True

    def base_url(self, target: Target) -> str:
        return self._url


def _why(fault: Exception) -> UpstreamError:
    """The error for a failed connection. Addresses go to the log, not to the client."""
    cause = fault.__cause__ if isinstance(fault, APIConnectionError) else fault  # the SDK's error wraps httpx2's
    log.warning("upstream connection fault: %s: %s", type(cause).__name__, cause)
    if isinstance(cause, httpx2.UnsupportedProtocol):
        return UpstreamBadReply("OPENAI_BASE_URL is not a URL that can be called", retryable=False)
    return next(error(message) for kind, error, message in FAULTS if isinstance(cause, kind))
