"""Demo 1 services that are wrong on purpose, each in one way: what the checks are for.

Each function builds an application as `demos.demo_1_guarded.app:build` does, and runs as
`python -m shared.server tests.demo_1.mutants:cost_of_zero`. Who must catch which is in test_demo_1.py.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.call import Call, Outcome, Usage
from shared.errors import (
    InvalidRequest,
    ServiceError,
    UpstreamBadReply,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog, log_record
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.pipeline import Handler, Layer
from shared.prices import Prices
from shared.reply import Completion, Reply
from shared.service import build_service
from shared.settings import Settings
from shared.wire import estimate


def demo_1(
    settings: Settings,
    *,
    outermost: Sequence[Layer] = (),
    log: Layer | None = None,
    guard: Layer | None = None,
    timeout: Layer | None = None,
    retry: Layer | None = None,
    innermost: Sequence[Layer] = (),
    prices: Prices | None = None,
) -> FastAPI:
    """The stack of demo 1, with what a mutant has in place of a layer, or beyond them."""
    return build_service(
        settings,
        title="Demo 1, wrong on purpose",
        layers=[
            *outermost,
            log or RequestLog(settings.log_file),
            guard or InputGuard(settings.max_chars),
            timeout or Timeout(settings.timeout),
            retry or Retry(settings.max_retries, delay=settings.retry_delay),
            *innermost,
        ],
        prices=prices,
    )


# --- secrets, limits, validation ---------------------------------------------------------------------------------


def secret_in_the_log(settings: Settings) -> FastAPI:
    def record(call: Call, outcome: Outcome) -> dict[str, Any]:
        return {**log_record(call, outcome), "upstream_key": settings.openai_api_key.get_secret_value()}

    return demo_1(settings, log=RequestLog(settings.log_file, record=record))


def limit_off_by_one(settings: Settings) -> FastAPI:
    return demo_1(settings, guard=InputGuard(settings.max_chars + 1))


def limit_too_low_by_one(settings: Settings) -> FastAPI:
    return demo_1(settings, guard=InputGuard(settings.max_chars - 1))


class NamesNoField:
    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await next(call)
        except InvalidRequest as error:
            error.param = None
            raise


def names_no_field(settings: Settings) -> FastAPI:
    return demo_1(settings, outermost=[NamesNoField()])


# --- deadline and retries ----------------------------------------------------------------------------------------


class DeadlineOnPaper:
    """Notes the deadline, and leaves it at that."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.deadline = call.started + self.seconds
        return await next(call)


def no_deadline(settings: Settings) -> FastAPI:
    return demo_1(settings, timeout=DeadlineOnPaper(settings.timeout))


class DeadlineForEachTry:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            async with asyncio.timeout(self.seconds):
                return await next(call)
        except TimeoutError:
            raise UpstreamTimeout("this try took too long", retryable=False) from None


def deadline_for_each_try(settings: Settings) -> FastAPI:
    # Far more than one try takes: only retries can make it late.
    whole = DeadlineOnPaper(settings.timeout * 10)
    return demo_1(settings, timeout=whole, innermost=[DeadlineForEachTry(settings.timeout)])


class RetryEverything(Retry):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        async def all_retryable(call: Call) -> Reply:
            try:
                return await next(call)
            except UpstreamError as error:
                error.retryable = True
                raise

        return await super().__call__(call, all_retryable)


def retries_everything(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=RetryEverything(settings.max_retries, settings.retry_delay))


def never_retries(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=Retry(0, settings.retry_delay))


def one_retry_too_many(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=Retry(settings.max_retries + 1, settings.retry_delay))


class RetryAtAnEvenPace(Retry):
    def backoff(self, retries: int, error: UpstreamError) -> float:
        return max(self.delay, error.retry_after or 0.0)


def pauses_that_do_not_grow(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=RetryAtAnEvenPace(settings.max_retries, settings.retry_delay))


# --- errors of the upstream --------------------------------------------------------------------------------------


class Instead500:
    """Everything of one kind is an internal error."""

    def __init__(self, kind: type[ServiceError]) -> None:
        self.kind = kind

    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await next(call)
        except self.kind:
            raise ServiceError("something went wrong") from None


def rate_limit_is_500(settings: Settings) -> FastAPI:
    return demo_1(settings, outermost=[Instead500(UpstreamRateLimited)])


def garbage_is_500(settings: Settings) -> FastAPI:
    return demo_1(settings, outermost=[Instead500(UpstreamBadReply)])


def refusal_is_500(settings: Settings) -> FastAPI:
    return demo_1(settings, outermost=[Instead500(UpstreamUnavailable)])


class ForgetsRetryAfter:
    async def __call__(self, call: Call, next: Handler) -> Reply:
        try:
            return await next(call)
        except UpstreamError as error:
            error.retry_after = None
            raise


def retry_after_lost(settings: Settings) -> FastAPI:
    return demo_1(settings, outermost=[ForgetsRetryAfter()])


# --- log, ids, tokens, cost, latency -----------------------------------------------------------------------------


def logs_the_prompt(settings: Settings) -> FastAPI:
    def record(call: Call, outcome: Outcome) -> dict[str, Any]:
        return {**log_record(call, outcome), "prompt": call.request.prompt}

    return demo_1(settings, log=RequestLog(settings.log_file, record=record))


class PrintsTheAnswer:
    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if isinstance(reply, Completion):
            print(f"answered: {reply.text}", flush=True)
        return reply


def prints_the_answer(settings: Settings) -> FastAPI:
    return demo_1(settings, outermost=[PrintsTheAnswer()])


def logs_twice(settings: Settings) -> FastAPI:
    return demo_1(settings, outermost=[RequestLog(settings.log_file)])


def logs_a_longer_hash(settings: Settings) -> FastAPI:
    def record(call: Call, outcome: Outcome) -> dict[str, Any]:
        line = log_record(call, outcome)
        return {**line, "prompt_hash": line["prompt_hash"] * 2}

    return demo_1(settings, log=RequestLog(settings.log_file, record=record))


class ForgetsTheClientsId:
    """ASGI: drops the X-Request-ID that came in, so that the service makes one of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [header for header in scope.get("headers", ()) if header[0] != b"x-request-id"]
        await self.app({**scope, "headers": headers}, receive, send)


def new_request_ids(settings: Settings) -> FastAPI:
    app = demo_1(settings)
    app.add_middleware(ForgetsTheClientsId)
    return app


class GuessesTokens:
    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        if isinstance(reply, Completion):
            reply.usage = estimate(call.request, len(reply.text))
        return reply


def tokens_from_characters(settings: Settings) -> FastAPI:
    return demo_1(settings, innermost=[GuessesTokens()])


class Free:
    def cost(self, model: str, usage: Usage) -> tuple[float, str]:
        return 0.0, "model"


def cost_of_zero(settings: Settings) -> FastAPI:
    return demo_1(settings, prices=Free())


class OnePrice:
    def cost(self, model: str, usage: Usage) -> tuple[float, str]:
        return round(usage.total / 1e6 * 0.60, 6), "model"


def one_price_for_both_ways(settings: Settings) -> FastAPI:
    return demo_1(settings, prices=OnePrice())


class StopsTheClockLate:
    """Starts the clock anew when the answer is there: the wait for the upstream is not in the latency."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        call.started = time.perf_counter()
        return reply


def latency_without_the_upstream(settings: Settings) -> FastAPI:
    return demo_1(settings, innermost=[StopsTheClockLate()])


# --- health, HTTP, load ------------------------------------------------------------------------------------------


class BareHealth:
    """ASGI: /health says no more than ok."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/health":
            await JSONResponse({"ok": True}, headers={"X-Request-ID": str(time.time_ns())})(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def bare_health(settings: Settings) -> FastAPI:
    app = demo_1(settings)
    app.add_middleware(BareHealth)
    return app


def another_envelope(settings: Settings) -> FastAPI:
    """FastAPI's own {"detail": …} for what no route answers."""
    app = demo_1(settings)

    @app.exception_handler(HTTPException)
    async def detail(request: Request, error: HTTPException) -> Response:
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)

    return app


class Blocks:
    """Waits as synchronous clients do: the whole process waits with it."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        time.sleep(0.15)  # noqa: ASYNC251
        return await next(call)


def blocks_the_process(settings: Settings) -> FastAPI:
    return demo_1(settings, innermost=[Blocks()])


class LosesOneInFifty:
    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, call: Call, next: Handler) -> Reply:
        self.calls += 1
        if self.calls % 50 == 0:
            raise UpstreamUnavailable("lost under load")
        return await next(call)


def loses_one_in_fifty(settings: Settings) -> FastAPI:
    return demo_1(settings, outermost=[LosesOneInFifty()])
