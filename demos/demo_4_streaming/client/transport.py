"""What every call passes on its way to the server: a place, the server's limits, a breaker, a time-out of its size.

In: HTTP requests of any client that runs on httpx2, such as OpenAI's SDK or LangChain's ChatOpenAI. Out: their replies,
over one pool of connections. It sends each request once: the SDK retries, with backoff, jitter and `Retry-After`. The
SDK sees one call, and this module all of them, so this module tells the SDK when a retry would be in vain.
"""

import asyncio
import json
import logging
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import httpx2
from openai import APIConnectionError, APITimeoutError

from shared.layers.adaptive_timeout import AdaptiveTimeout
from shared.pipeline.call import ChatRequest
from shared.resilience.circuit import CircuitState, Result, State
from shared.upstream.retry_after import parse_retry_after

log = logging.getLogger(__name__)

LONGEST_PAUSE = 120.0  # seconds, for a limit to allow more; the SDK, too, reports a longer wait instead of waiting
LONGEST_WAIT = 30.0  # seconds, for a failing server: one that says more may take an hour
JITTER = 0.2  # so that calls that waited together do not come back together
# The IETF's header says when a limit allows more, and OpenAI's when all of it is available again.
LIMIT = re.compile(r";r=(\d{1,9});t=(\d{1,9})\b")

Settle = Callable[[Result], None]
NO_WORK = ChatRequest(model="", messages=(), max_tokens=1)


class CircuitOpen(APIConnectionError):
    """The server has failed too often, and gets no calls for a while. The SDK passes this on, and does not retry."""


class NoAnswerInTime(APITimeoutError):
    """The call's own time-out. The SDK does not retry it: the server may still be working on the first try."""

    def __init__(self, request: httpx2.Request, seconds: float) -> None:
        super().__init__(request)
        self.message = f"no answer within {seconds:.3g} seconds"
        self.args = (self.message,)


class CarefulTransport(httpx2.AsyncBaseTransport):
    """At most `concurrent` calls at once over `pool`, all of them to one server, which has one `breaker`."""

    def __init__(
        self, pool: httpx2.AsyncBaseTransport, *, concurrent: int, timeout: AdaptiveTimeout, breaker: CircuitState
    ) -> None:
        self.breaker = breaker
        self._pool = pool
        self._places = asyncio.Semaphore(concurrent)
        self._timeout = timeout
        self._resumes = 0.0  # when the server's limits allow more calls; a reading of time.monotonic()
        self._fault = ""  # the last one

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises CircuitOpen, NoAnswerInTime and httpx2.TransportError. The place is held until the reply's end."""
        await self._places.acquire()
        try:
            await self._pause()
            response = await self._send(request)
        except BaseException:
            self._places.release()
            raise
        return response

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        permit = self.breaker.admit()
        if permit is None:
            raise self._refusal(request)
        seconds = self._bound(request)
        try:
            response = await self._pool.handle_async_request(request)
        except httpx2.TransportError as fault:
            self._failed(permit, str(fault) or type(fault).__name__)
            if isinstance(fault, httpx2.ReadTimeout):
                raise NoAnswerInTime(request, seconds) from fault
            raise
        except BaseException:  # the caller has left
            self.breaker.settle(permit, Result.NEITHER)
            raise
        self._read_limits(request, response)
        self._judge(response, permit)
        return response

    def _refusal(self, request: httpx2.Request) -> CircuitOpen:
        seconds = self.breaker.half_open_in()
        until = f"for {seconds:.0f} more seconds" if seconds else "while one call tries it"
        server = request.url.copy_with(raw_path=b"/")
        return CircuitOpen(
            message=f"{server} has failed too often ({self._fault}), and is left alone {until}", request=request
        )

    def _failed(self, permit: int, fault: str) -> None:
        self._fault = fault
        self.breaker.settle(permit, Result.FAILURE)

    def _judge(self, response: httpx2.Response, permit: int) -> None:
        """Settle the call: an answer that has begun, at its end; everything else now."""
        settle: Settle = _nothing
        if response.is_server_error:
            self._failed(permit, f"status {response.status_code}")
            wait = parse_retry_after(response.headers) or 0.0
            if self.breaker.state is State.OPEN or wait > LONGEST_WAIT:
                response.headers["x-should-retry"] = "false"  # the SDK obeys it
        elif response.is_client_error:  # it says nothing of the server's health
            self.breaker.settle(permit, Result.NEITHER)
        elif self.breaker.state is State.HALF_OPEN:  # a stream may last for minutes, and all others wait for its result
            self.breaker.settle(permit, Result.SUCCESS)
        else:
            settle = partial(self.breaker.settle, permit)
        response.stream = Body(response.stream, settle, self._places.release)

    async def _pause(self) -> None:
        """Wait until the server's limits allow another call."""
        left = self._resumes - time.monotonic()
        if left > 0:
            await asyncio.sleep(left * random.uniform(1, 1 + JITTER))
            await self._pause()  # another reply may have prolonged it

    def _read_limits(self, request: httpx2.Request, response: httpx2.Response) -> None:
        """A refused call, or one that used the last of a limit, holds up all that come after it."""
        wait = wait_of(response.headers) if response.status_code == 429 or response.is_success else None
        if wait is None or not 0 < wait <= LONGEST_PAUSE:
            return
        now = time.monotonic()
        if self._resumes <= now:
            log.warning("%s allows no more calls for %.3g s", request.url.host, wait)
        self._resumes = max(self._resumes, now + wait)

    def _bound(self, request: httpx2.Request) -> float:
        """Give the request the time that its work may take, or less if its caller says so. Returns the seconds."""
        given = request.extensions.get("timeout", {})
        seconds = min(self._timeout.seconds(work_of(request)), given.get("read") or float("inf"))
        request.extensions = {**request.extensions, "timeout": {**given, "read": seconds}}
        return seconds


class Body(httpx2.AsyncByteStream):
    """A reply's body. It settles its call once, and gives its place to the next call when it is closed."""

    def __init__(self, stream: Any, settle: Settle, leave: Callable[[], None]) -> None:
        self._stream = stream
        self._settle = settle
        self._leave = leave

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for block in self._stream:
                yield block
        except httpx2.TransportError:
            self._end(Result.FAILURE)
            raise

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._end(Result.SUCCESS)
            leave, self._leave = self._leave, _nothing
            leave()

    def _end(self, result: Result) -> None:
        settle, self._settle = self._settle, _nothing
        settle(result)


def _nothing(*_: object) -> None:
    pass


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds until the next call fits, if the server says so: Retry-After, the IETF's RateLimit, x-ratelimit-*."""
    if "retry-after" not in headers and "retry-after-ms" not in headers:
        used_up = [float(wait) for left, wait in LIMIT.findall(headers.get("ratelimit", "")) if not int(left)]
        if used_up:
            return max(used_up)
    return parse_retry_after(headers)


def work_of(request: httpx2.Request) -> ChatRequest:
    """The part of a request's body that decides how long its answer may take."""
    try:
        body = json.loads(request.content)
    except (ValueError, httpx2.RequestNotRead):
        body = None
    if not isinstance(body, dict):
        return NO_WORK
    if isinstance(prompts := body.get("prompts"), list):
        return _work_of_batch([prompt if isinstance(prompt, dict) else {"prompt": prompt} for prompt in prompts])
    messages = body.get("messages")
    read = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    return ChatRequest(model="", messages=tuple(read), max_tokens=body.get("max_tokens"), extra=body)


def _work_of_batch(prompts: Sequence[Mapping[str, Any]]) -> ChatRequest:
    """One request for all of them: the server may answer them one after the other."""
    each = [
        ChatRequest("", ({"content": asked.get("prompt")},), max_tokens=asked.get("max_tokens")) for asked in prompts
    ]
    return ChatRequest(
        model="",
        messages=tuple(message for request in each for message in request.messages),
        max_tokens=sum(request.longest_answer for request in each),
    )
