"""Demo 1 services with one deliberate fault each. The checks must find every fault.

Each function builds an application as `demos.demo_1_guarded.app:build` does, and runs as
`python -m shared.server tests.demo_1.mutants:cost_of_zero`. test_demo_1.py says which checks must catch which mutant.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from hashlib import md5, sha256
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.accounts.prices import Prices
from shared.app import build_service
from shared.layers.input_guard import InputGuard
from shared.layers.request_log import RequestLog, log_record
from shared.layers.retry import Retry
from shared.layers.timeout import Timeout
from shared.pipeline.call import Call
from shared.pipeline.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ServiceError,
    UpstreamBadReply,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from shared.pipeline.layer import Handler, Layer
from shared.pipeline.outcome import Outcome, Usage
from shared.pipeline.reply import Completion, Reply
from shared.settings import Settings
from shared.upstream.openai_wire import estimate
from shared.upstream.sdk import OpenAIClient


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
    """The stack of demo 1, in which a mutant replaces layers or adds its own."""
    return build_service(
        settings,
        title="Demo 1, wrong on purpose",
        upstreams=OpenAIClient(settings),
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


def limit_in_bytes(settings: Settings) -> FastAPI:
    return demo_1(settings, guard=LooksAtTheLength(settings.max_chars, length=lambda prompt: len(prompt.encode())))


class LooksAtTheLength(InputGuard):
    """Differs from the right guard in how it measures, what it says, or when it checks."""

    def __init__(
        self,
        max_chars: int,
        *,
        length: Callable[[str], int] = len,
        says: str = "the prompt has {length} characters; the limit is {limit}",
        param: str | None = "prompt",
        after_the_call: bool = False,
    ) -> None:
        super().__init__(10**9)
        self.limit = max_chars
        self.length = length
        self.says = says
        self.param = param
        self.after_the_call = after_the_call

    async def __call__(self, call: Call, next: Handler) -> Reply:
        if self.after_the_call:
            reply = await super().__call__(call, next)
            self.look(call)
            return reply
        if call.refusal is None:
            self.look(call)
        return await super().__call__(call, next)

    def look(self, call: Call) -> None:
        length = self.length(call.request.prompt)
        if length > self.limit:
            raise InvalidRequest(self.says.format(length=length, limit=self.limit), param=self.param)


def asks_the_model_first(settings: Settings) -> FastAPI:
    return demo_1(settings, guard=LooksAtTheLength(settings.max_chars, after_the_call=True))


def says_no_numbers(settings: Settings) -> FastAPI:
    return demo_1(settings, guard=LooksAtTheLength(settings.max_chars, says="the prompt is too long"))


def says_not_how_long(settings: Settings) -> FastAPI:
    return demo_1(settings, guard=LooksAtTheLength(settings.max_chars, says="at most {limit} characters"))


def says_no_limit(settings: Settings) -> FastAPI:
    return demo_1(settings, guard=LooksAtTheLength(settings.max_chars, says="{length} characters are too many"))


def too_long_names_no_field(settings: Settings) -> FastAPI:
    return demo_1(settings, guard=LooksAtTheLength(settings.max_chars, param=None))


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
    """Notes the deadline, but does not enforce it."""

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


class DeadlineFromNow:
    """Gives the call its full time from this moment on, however much it has used already."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.deadline = time.perf_counter() + self.seconds
        try:
            async with asyncio.timeout(self.seconds):
                return await next(call)
        except TimeoutError:
            raise DeadlineExceeded("no answer in time") from None


def deadline_from_now(settings: Settings) -> FastAPI:
    return demo_1(settings, timeout=DeadlineFromNow(settings.timeout))


class DeadlineWithoutAnError(DeadlineFromNow):
    """Passes on the error that asyncio raises."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.deadline = call.started + self.seconds
        async with asyncio.timeout(call.remaining()):
            return await next(call)


def late_is_500(settings: Settings) -> FastAPI:
    return demo_1(settings, timeout=DeadlineWithoutAnError(settings.timeout))


class LeavesItRunning(DeadlineFromNow):
    """Answers in time, but lets the call to the upstream continue."""

    MUCH_LATER = 12.0  # seconds; a little longer than the check waits: the next check wants an idle upstream

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.deadline = call.started + self.seconds
        running = asyncio.ensure_future(asyncio.wait_for(next(call), self.seconds + self.MUCH_LATER))
        running.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(running), call.remaining())
        except TimeoutError:
            raise DeadlineExceeded("no answer in time") from None


def late_calls_go_on(settings: Settings) -> FastAPI:
    return demo_1(settings, timeout=LeavesItRunning(settings.timeout))


class TellsNobody(DeadlineFromNow):
    """Keeps the deadline, but writes none into the call, or one by another clock."""

    def __init__(self, seconds: float, clock: Callable[[], float] | None = None) -> None:
        super().__init__(seconds)
        self.clock = clock

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.deadline = None if self.clock is None else self.clock() + self.seconds
        try:
            async with asyncio.timeout(call.started + self.seconds - time.perf_counter()):
                return await next(call)
        except TimeoutError:
            raise DeadlineExceeded("no answer in time") from None


def deadline_told_to_nobody(settings: Settings) -> FastAPI:
    return demo_1(settings, timeout=TellsNobody(settings.timeout))


def deadline_on_another_clock(settings: Settings) -> FastAPI:
    return demo_1(settings, timeout=TellsNobody(settings.timeout, clock=time.time))


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


def retries_500_and_429_alone(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=RetrySomeStatuses(settings.max_retries, settings.retry_delay))


class RetrySomeStatuses(Retry):
    async def __call__(self, call: Call, next: Handler) -> Reply:
        async def less_retryable(call: Call) -> Reply:
            try:
                return await next(call)
            except UpstreamUnavailable as error:
                error.retryable = False
                raise

        return await super().__call__(call, less_retryable)


class RetryInAnotherRhythm(Retry):
    """`rhythm` gives the wait after that many retries, in delays; `chance` is the share by which it varies."""

    def __init__(self, settings: Settings, rhythm: Callable[[int], float], chance: float = 0.2) -> None:
        super().__init__(settings.max_retries, settings.retry_delay)
        self.rhythm = rhythm
        self.chance = chance

    def backoff(self, retries: int, error: UpstreamError) -> float:
        wait = self.delay * self.rhythm(retries) * random.uniform(1 - self.chance, 1 + self.chance)
        return max(wait, error.retry_after or 0.0)


def pauses_that_do_not_grow(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=RetryInAnotherRhythm(settings, lambda retries: 1))


def pauses_that_do_not_double(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=RetryInAnotherRhythm(settings, lambda retries: retries + 1))


def first_pause_too_long(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=RetryInAnotherRhythm(settings, lambda retries: 2.0 ** (retries + 1)))


def pauses_without_chance(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=RetryInAnotherRhythm(settings, lambda retries: 2.0**retries, chance=0))


class RetryAsItLikes(Retry):
    """Ignores the upstream's Retry-After."""

    def backoff(self, retries: int, error: UpstreamError) -> float:
        return super().backoff(retries, UpstreamError("without a word"))


def ignores_the_upstreams_retry_after(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=RetryAsItLikes(settings.max_retries, settings.retry_delay))


class RetryAsAttendeesDo(Retry):
    """The loop of the exercise, in parts that can be wrong."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        while True:
            try:
                return await next(call)
            except UpstreamError as error:
                wait = self.backoff(call.retries, error)
                if not error.retryable or call.retries == self.max_retries or self.in_vain(call, wait):
                    raise self.last_word(error, wait) from None
                call.retries += 1
                await self.sleep(wait)

    def in_vain(self, call: Call, wait: float) -> bool:
        return wait >= call.remaining()

    def last_word(self, error: UpstreamError, wait: float) -> UpstreamError:
        if isinstance(error, UpstreamRateLimited) and error.retry_after is None:
            error.retry_after = wait
        return error

    async def sleep(self, wait: float) -> None:
        await asyncio.sleep(wait)


class WaitsInVain(RetryAsAttendeesDo):
    def in_vain(self, call: Call, wait: float) -> bool:
        return False


def waits_in_vain(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=WaitsInVain(settings.max_retries, settings.retry_delay))


class SleepsWithEverybody(RetryAsAttendeesDo):
    async def sleep(self, wait: float) -> None:
        time.sleep(wait)  # noqa: ASYNC251


def blocks_while_it_waits(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=SleepsWithEverybody(settings.max_retries, settings.retry_delay))


class SaysNotWhen(RetryAsAttendeesDo):
    def last_word(self, error: UpstreamError, wait: float) -> UpstreamError:
        return error


def no_retry_after_of_its_own(settings: Settings) -> FastAPI:
    return demo_1(settings, retry=SaysNotWhen(settings.max_retries, settings.retry_delay))


# --- errors of the upstream --------------------------------------------------------------------------------------


class Instead500:
    """Turns every error of one kind into an internal error."""

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


def _logs(settings: Settings, change: Callable[[Call, Outcome], dict[str, Any]]) -> FastAPI:
    """Logs the right line, with the fields that `change` gives in place of its own."""

    def record(call: Call, outcome: Outcome) -> dict[str, Any]:
        return log_record(call, outcome) | change(call, outcome)

    return demo_1(settings, log=RequestLog(settings.log_file, record=record))


def logs_another_request_id(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"request_id": call.request_id[::-1]})


def logs_milliseconds_since_1970(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"timestamp": time.time() * 1000})


def logs_latency_in_seconds(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"latency_ms": call.elapsed_ms() / 1000})


def logs_a_longer_hash(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"prompt_hash": sha256(call.request.prompt.encode()).hexdigest()})


def logs_another_hash(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"prompt_hash": md5(call.request.prompt.encode()).hexdigest()[:16]})


def logs_the_prompts_bytes(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"prompt_length": len(call.request.prompt.encode())})


def logs_the_answers_tokens_as_its_length(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"response_length": outcome.usage.output})


def logs_the_tokens_the_other_way_round(settings: Settings) -> FastAPI:
    return _logs(
        settings,
        lambda call, outcome: {"tokens_input": outcome.usage.output, "tokens_output": outcome.usage.input},
    )


def logs_only_new_tokens_as_total(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"tokens_total": outcome.usage.output})


def logs_cents(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"cost_usd": outcome.cost_usd * 100})


def logs_no_model_of_failures(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"model": outcome.model})


def logs_one_model_for_all(settings: Settings) -> FastAPI:
    return _logs(settings, lambda call, outcome: {"model": "gpt-4o-mini"})


class ForgetsTheClientsId:
    """ASGI: drops the incoming X-Request-ID, so that the service makes one of its own."""

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


class Charges:
    """A tariff that differs from the right one."""

    def __init__(self, dollars: Callable[[str, Usage], float], source: Callable[[str], str] | None = None) -> None:
        self.dollars = dollars
        self.source = source

    def cost(self, model: str, usage: Usage) -> tuple[float, str]:
        return self.dollars(model, usage), self.source(model) if self.source else _right_source(model)


def _right_dollars(model: str, usage: Usage) -> float:
    return round(_unrounded(usage), 6)


def _unrounded(usage: Usage) -> float:
    return (usage.input * 0.15 + usage.output * 0.60) / 1e6


def _right_source(model: str) -> str:
    return "model" if model in ("gpt-4o-mini", "workshop-tiny", "workshop-sim") else "default"


def cost_of_zero(settings: Settings) -> FastAPI:
    return demo_1(settings, prices=Charges(lambda model, usage: 0.0))


def one_price_for_both_ways(settings: Settings) -> FastAPI:
    return demo_1(settings, prices=Charges(lambda model, usage: round(usage.total / 1e6 * 0.60, 6)))


def prices_the_wrong_way_round(settings: Settings) -> FastAPI:
    return demo_1(
        settings, prices=Charges(lambda model, usage: round((usage.input * 0.60 + usage.output * 0.15) / 1e6, 6))
    )


def cost_for_a_thousand_tokens(settings: Settings) -> FastAPI:
    return demo_1(settings, prices=Charges(lambda model, usage: round(_unrounded(usage) * 1000, 6)))


def cost_unrounded(settings: Settings) -> FastAPI:
    return demo_1(settings, prices=Charges(lambda model, usage: _unrounded(usage)))


def embedded_models_for_free(settings: Settings) -> FastAPI:
    def dollars(model: str, usage: Usage) -> float:
        return 0.0 if model.startswith("workshop") else _right_dollars(model, usage)

    return demo_1(settings, prices=Charges(dollars))


def only_embedded_models_have_a_price(settings: Settings) -> FastAPI:
    def dollars(model: str, usage: Usage) -> float:
        return _right_dollars(model, usage) if model.startswith("workshop") else 0.0

    return demo_1(settings, prices=Charges(dollars))


def never_says_default(settings: Settings) -> FastAPI:
    return demo_1(settings, prices=Charges(_right_dollars, source=lambda model: "model"))


def always_says_default(settings: Settings) -> FastAPI:
    return demo_1(settings, prices=Charges(_right_dollars, source=lambda model: "default"))


class StopsTheClockLate:
    """Restarts the clock when the answer arrives: the latency leaves out the wait for the upstream."""

    async def __call__(self, call: Call, next: Handler) -> Reply:
        reply = await next(call)
        call.started = time.perf_counter()
        return reply


def latency_without_the_upstream(settings: Settings) -> FastAPI:
    return demo_1(settings, innermost=[StopsTheClockLate()])


# --- health, HTTP, load ------------------------------------------------------------------------------------------


class BareHealth:
    """ASGI: /health says nothing but ok."""

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
    """FastAPI's own {"detail": …} for requests that match no route."""
    app = demo_1(settings)

    @app.exception_handler(HTTPException)
    async def detail(request: Request, error: HTTPException) -> Response:
        return JSONResponse({"detail": error.detail}, error.status_code, error.headers)

    return app


class Blocks:
    """Waits as a synchronous client does: the whole process waits with it."""

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
