"""The pooled client of one OpenAI-compatible API: the innermost handler of every stack.

In: a Call. Out: a Completion, or a TokenStream whose first token is here; or an UpstreamError that says whose fault it
was and whether trying again may help. Never retries, never times a call out: layers do. Knows none of our own routes.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from email.utils import parsedate_to_datetime

import aiohttp
import orjson
from yarl import URL

from shared.call import Call, ChatRequest, Usage
from shared.errors import (
    UpstreamBadReply,
    UpstreamError,
    UpstreamFault,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.reply import Chunk, Completion, Reply, TokenStream
from shared.settings import Settings
from shared.sse import DONE, LineTooLong, data_payloads

log = logging.getLogger(__name__)

LARGEST_REPLY = 16 << 20  # bytes
PROBE_SECONDS = 2.0
CHARACTERS_PER_TOKEN = 4  # the usual estimate, for an upstream that does not count


class Upstream:
    """One pool of connections to `base_url`, for the life of the process. Open it inside the event loop."""

    def __init__(self, settings: Settings, *, base_url: str) -> None:
        self.base_url = base_url
        self._chat_url = URL(f"{base_url}/chat/completions")
        self._models_url = URL(f"{base_url}/models")
        self._headers = {"Content-Type": "application/json"}
        if key := settings.openai_api_key.get_secret_value():
            self._headers["Authorization"] = f"Bearer {key}"
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        settings = self._settings
        connector = aiohttp.TCPConnector(
            limit=settings.http_max_connections, keepalive_timeout=settings.http_keepalive_expiry
        )
        # No total time-out here: the deadline belongs to the whole call, and one layer keeps it.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=settings.http_connect_timeout)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=self._headers, auto_decompress=True
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        assert self._session is not None, "open() the upstream before calling it"
        return self._session

    async def __call__(self, call: Call) -> Reply:
        """Send the call. Raises UpstreamError."""
        try:
            response = await self.session.post(
                self._chat_url,
                data=orjson.dumps(call.request.to_wire()),
                headers={"X-Request-ID": call.request_id},
                allow_redirects=False,
            )
            try:
                if response.status != 200:
                    raise _refused(response.status, response.headers, await _read(response))
                if call.request.stream:
                    return await _open_stream(response)
                return _completion(await _read(response), call.request)
            except BaseException:
                response.close()  # also when we are cancelled: the upstream must hear that nobody waits
                raise
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise _connection_fault(fault) from fault

    async def ready(self) -> bool:
        """Does the upstream answer at all? Asks for its models."""
        try:
            async with (
                asyncio.timeout(PROBE_SECONDS),
                self.session.get(self._models_url, allow_redirects=False) as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False


# --- whole answers -----------------------------------------------------------------------------------------------


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, if it is not larger than LARGEST_REPLY."""
    length = response.content_length
    if length is not None and length <= LARGEST_REPLY:
        return await response.read()
    body = bytearray()
    async for block in response.content.iter_any():
        body += block
        if len(body) > LARGEST_REPLY:
            raise UpstreamBadReply(f"the upstream's reply is larger than {LARGEST_REPLY} bytes")
    return bytes(body)


def _completion(raw: bytes, request: ChatRequest) -> Completion:
    try:
        body = orjson.loads(raw)
        choice = body["choices"][0]
        text = choice["message"].get("content") or ""
        if not isinstance(text, str):
            raise TypeError
        usage = _usage(body.get("usage")) or estimate(request, len(text))
        model = body.get("model")
        return Completion(
            model=model if isinstance(model, str) else request.model,
            text=text,
            usage=usage,
            finish_reason=choice.get("finish_reason"),
            body=body,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise UpstreamBadReply("the upstream answered 200 with something that is not a chat completion") from None


def _usage(reported: object) -> Usage | None:
    """The upstream's own count; None when it gave none that makes sense."""
    if not isinstance(reported, dict):
        return None
    counts = reported.get("prompt_tokens"), reported.get("completion_tokens")
    match counts:
        case int(tokens_in), int(tokens_out) if tokens_in >= 0 and tokens_out >= 0:
            return Usage(tokens_in, tokens_out)
    return None


def estimate(request: ChatRequest, response_length: int) -> Usage:
    """The usage of a call that the upstream did not count. `response_length` in characters."""
    return Usage(
        -(-len(request.prompt) // CHARACTERS_PER_TOKEN), -(-response_length // CHARACTERS_PER_TOKEN), estimated=True
    )


# --- streams -----------------------------------------------------------------------------------------------------


async def _open_stream(response: aiohttp.ClientResponse) -> TokenStream:
    """Wait for the first frame: until it is here, a failure can still become a status, a retry or a fallback."""
    if response.content_type != "text/event-stream":
        raise UpstreamBadReply(f"the upstream answered a stream with {response.content_type}")
    chunks = _chunks(response)

    async def close() -> None:
        response.close()
        await chunks.aclose()

    try:
        first = await anext(chunks)
    except StopAsyncIteration:
        raise UpstreamBadReply("the upstream's stream ended before its first token") from None
    return TokenStream(first, chunks, close)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncGenerator[Chunk]:
    try:
        async for payload in data_payloads(response.content.iter_any()):
            if payload == DONE:
                return
            yield _chunk(payload)
    except LineTooLong:
        raise UpstreamBadReply("a line of the upstream's stream never ended") from None
    except (aiohttp.ClientError, OSError, TimeoutError) as fault:
        raise _connection_fault(fault) from fault
    raise UpstreamUnavailable("the upstream's stream broke off before its end")


def _chunk(payload: bytes) -> Chunk:
    try:
        frame = orjson.loads(payload)
        if error := frame.get("error"):
            raise UpstreamFault(_message(error) or "the upstream's stream carried an error")
        choices = frame.get("choices") or [{}]
        return Chunk(
            data=payload,
            text=(choices[0].get("delta") or {}).get("content") or "",
            model=frame.get("model") or "",
            usage=_usage(frame.get("usage")),
            finish_reason=choices[0].get("finish_reason"),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise UpstreamBadReply("a frame of the upstream's stream is not a chat completion chunk") from None


# --- faults ------------------------------------------------------------------------------------------------------


def _connection_fault(fault: Exception) -> UpstreamError:
    """What a failed connection means. The client hears no addresses; the log does."""
    log.warning("upstream connection fault: %s: %s", type(fault).__name__, fault)
    if isinstance(fault, TimeoutError):
        return UpstreamTimeout("no connection to the upstream in time")
    if isinstance(fault, aiohttp.ClientConnectorError):
        return UpstreamUnavailable("the upstream refused the connection")
    if isinstance(fault, aiohttp.ClientResponseError):
        return UpstreamBadReply("the upstream does not speak HTTP as it should")
    if isinstance(fault, aiohttp.InvalidURL):
        return UpstreamBadReply("OPENAI_BASE_URL is not a URL that can be called", retryable=False)
    return UpstreamUnavailable("the upstream dropped the connection")


def _refused(status: int, headers: Mapping[str, str], raw: bytes) -> UpstreamError:
    """The error that stands for a status other than 200."""
    message, code, param = _error_detail(raw)
    retry_after = parse_retry_after(headers)
    if status == 429:
        return UpstreamRateLimited(
            message or "the upstream's rate limit is reached",
            upstream_status=status,
            code=code,
            retry_after=retry_after,
        )
    if status in (400, 404, 413, 422):
        error = UpstreamRejected(
            message or f"the upstream rejected the request with {status}",
            upstream_status=status,
            code=code,
            param=param,
        )
        error.http_status = status
        return error
    if status in (401, 403):
        # The caller did nothing wrong, and must not be told to log in: our key is at fault.
        return UpstreamFault(
            "the upstream refused this service's credentials (OPENAI_API_KEY)", upstream_status=status, retryable=False
        )
    if status in (408, 504):
        return UpstreamTimeout(message or f"the upstream answered {status}", upstream_status=status)
    if status == 503:
        return UpstreamUnavailable(
            message or "the upstream is overloaded", upstream_status=status, retry_after=retry_after
        )
    if status >= 500:
        return UpstreamFault(f"the upstream answered {status}", upstream_status=status, retry_after=retry_after)
    return UpstreamBadReply(f"the upstream answered {status}, which no chat API does", upstream_status=status)


def _error_detail(raw: bytes) -> tuple[str | None, str | None, str | None]:
    """(message, code, param) of an error in OpenAI's shape, as far as they are there."""
    try:
        error = orjson.loads(raw)["error"]
    except (ValueError, KeyError, TypeError):
        return None, None, None
    if not isinstance(error, dict):
        return _message(error), None, None
    code, param = error.get("code"), error.get("param")
    return _message(error), code if isinstance(code, str) else None, param if isinstance(param, str) else None


def _message(error: object) -> str | None:
    text = error.get("message") if isinstance(error, dict) else error
    return text[:1000] if isinstance(text, str) and text else None


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` (OpenAI's) or `Retry-After` (RFC 9110 §10.2.3: seconds or a date)."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        value = headers.get("Retry-After")
        if not value:
            return None
        if value.strip().isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError, TypeError):
        return None
