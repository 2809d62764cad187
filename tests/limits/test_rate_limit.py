"""The layer in its service: the effect of each way to end a call, and the limiter's memory."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.layers.rate_limit import RateLimit
from shared.limits.allowance import HOUR, SECOND, Limits
from shared.limits.memory import MemoryLimiter
from shared.pipeline.call import Call, Caller, ChatRequest
from shared.pipeline.errors import RateLimited, ServiceError, UpstreamFault
from shared.pipeline.outcome import Usage
from shared.pipeline.reply import Chunk, Completion, Reply, TokenStream
from shared.service import Service
from tests.limits.counts import Clock, settings
from tests.waiting import wait_on_loop

ROOMY = {"rate_limit_rpm": 10**6, "rate_limit_rph": 10**6, "rate_limit_tpm": 10**9}


class Model:
    """An upstream that ends each call as the model's name says; every answer takes 7 tokens."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, call: Call) -> Reply:
        self.calls += 1
        match call.request.model:
            case "fails":
                raise UpstreamFault("told to")
            case "has a bug":
                raise ZeroDivisionError
            case "hangs":
                await asyncio.Event().wait()
            case "streams" | "breaks":
                return _stream(breaks=call.request.model == "breaks")
        return Completion("workshop-sim", "hola", Usage(3, 4), "stop", b"{}")


def _stream(breaks: bool) -> TokenStream:
    async def rest() -> AsyncIterator[Chunk]:
        yield Chunk(b"{}", "ola", 3)
        if breaks:
            raise UpstreamFault("told to break")
        yield Chunk(b"{}", usage=Usage(3, 4))

    async def close() -> None:
        pass

    return TokenStream(Chunk(b"{}", "h", 1), rest(), close)


def service_of(limit: RateLimit) -> Service:
    return Service(settings(), "Limits", [limit], Model())  # type: ignore[arg-type]  # what it needs of it


def call_of(model: str = "answers", max_tokens: int = 100, caller: str = "user:ana") -> Call:
    request = ChatRequest(model, ({"role": "user", "content": "x" * 40},), max_tokens=max_tokens)
    return Call(request, "/generate", "id", caller=Caller(caller, user=caller))


async def consume(stream: Reply, chunks: int | None = None) -> None:
    assert isinstance(stream, TokenStream)
    try:
        seen = 0
        async for _ in stream:
            seen += 1
            if seen == chunks:
                break
    except ServiceError:
        pass
    finally:
        await stream.aclose()


async def play(service: Service, ending: str) -> None:
    """One call with this ending."""
    match ending:
        case "finished":
            await service.answer(call_of())
        case "failed" | "bug":
            with pytest.raises(ServiceError):
                await service.answer(call_of("fails" if ending == "failed" else "has a bug"))
        case "left while waiting":
            work = asyncio.create_task(service.answer(call_of("hangs")))
            await asyncio.sleep(0)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        case "stream finished":
            await consume(await service.answer(call_of("streams")))
        case "stream cut":
            await consume(await service.answer(call_of("breaks")))
        case "left in the middle":
            await consume(await service.answer(call_of("streams")), chunks=2)
        case "left unread":
            await consume(await service.answer(call_of("streams")), chunks=1)


SPENT = {
    "finished": 7,
    "failed": 0,
    "bug": 0,
    "left while waiting": 0,
    "stream finished": 7,
    "stream cut": 11,  # 40 characters of prompt and 4 of answer, four to a token
    "left in the middle": 11,
    "left unread": 11,
}


async def remaining_tokens(limit: RateLimit) -> int:
    tokens: dict[str, Any] = (await limit.limits(Caller("user:ana", user="ana")))["tokens"]
    return int(tokens["limit"]) - int(tokens["remaining"])


@pytest.mark.parametrize("ending", SPENT)
def test_a_call_pays_what_it_used_however_it_ends(ending: str) -> None:
    async def scenario() -> int:
        limit = RateLimit(settings(**ROOMY))
        await play(service_of(limit), ending)
        return await remaining_tokens(limit)

    assert asyncio.run(scenario()) == SPENT[ending]


def test_nothing_leaks_after_ten_thousand_calls_that_end_in_every_way() -> None:
    chance = random.Random(1)
    endings = [chance.choice(list(SPENT)) for _ in range(10_000)]
    clock = Clock()

    async def scenario() -> None:
        limit = RateLimit(settings(**ROOMY))
        limit.limiter = MemoryLimiter(clock=clock)
        service = service_of(limit)
        for ending in endings:
            await play(service, ending)
        assert await remaining_tokens(limit) == sum(SPENT[ending] for ending in endings)
        clock.now += 60 * SECOND
        assert await remaining_tokens(limit) == 0
        clock.now += HOUR
        await limit.limiter.admit("user:bea", Limits(1, SECOND, 1, 1), 0)
        assert len(limit.limiter) == 1, "a caller that was idle for an hour is forgotten"

    asyncio.run(scenario())


def test_a_hundred_calls_at_once_cannot_together_pass_the_token_limit() -> None:
    async def scenario() -> None:
        limit = RateLimit(settings(**{**ROOMY, "rate_limit_tpm": 1100}))
        service = service_of(limit)
        work = [asyncio.create_task(service.answer(call_of("hangs"))) for _ in range(100)]  # 110 tokens each
        await wait_on_loop(lambda: sum(task.done() for task in work) == 90)
        refused, waiting = ([task for task in work if task.done() == done] for done in (True, False))
        assert len(waiting) == 10
        assert {type(task.exception()) for task in refused} == {RateLimited}
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert await remaining_tokens(limit) == 0, "a caller that leaves before an answer gives its reservation back"

    asyncio.run(scenario())


def refused(service: Service, call: Call) -> RateLimited:
    """Repeats the call until it is refused, and returns the refusal."""

    async def scenario() -> RateLimited:
        while True:
            try:
                await service.answer(call)
            except RateLimited as refusal:
                return refusal

    return asyncio.run(scenario())


def test_a_refusal_says_which_limit_was_met_and_carries_the_headers() -> None:
    service = service_of(RateLimit(settings(rate_limit_rpm=2, rate_limit_burst=1)))
    error = refused(service, call_of())
    assert (error.http_status, error.type, error.error_code) == (429, "rate_limit_error", "rate_limit_exceeded")
    assert "3 requests in 60 seconds" in error.message
    assert error.headers()["x-ratelimit-remaining-requests"] == "0"
    assert int(error.headers()["Retry-After"]) == 60


def test_a_request_over_the_whole_token_limit_is_refused_without_a_retry_after() -> None:
    service = service_of(RateLimit(settings(rate_limit_tpm=109)))
    error = refused(service, call_of())
    assert error.error_code == "request_over_tokens_limit"
    assert "110 tokens" in error.message
    assert "109" in error.message
    assert "Retry-After" not in error.headers()
    assert error.headers()["x-should-retry"] == "false"
    assert service.upstreams.calls == 0  # type: ignore[attr-defined]


def test_the_stated_wait_is_that_of_the_limit_with_the_longest_wait() -> None:
    service = service_of(RateLimit(settings(rate_limit_rpm=1, rate_limit_rph=1)))
    error = refused(service, call_of())
    assert "an hour" in error.message
    assert error.retry_after is not None
    assert error.retry_after > 3590


def test_callers_do_not_share_their_limits() -> None:
    service = service_of(RateLimit(settings(rate_limit_rpm=1)))
    refused(service, call_of(caller="user:ana"))
    asyncio.run(service.answer(call_of(caller="user:bea")))


def test_a_limiter_remembers_a_bounded_number_of_callers() -> None:
    async def scenario() -> None:
        limiter, limits = MemoryLimiter(most_callers=100), Limits(5, 60 * SECOND, 100, 1000)
        admitted = 0
        for stranger in range(1000):
            await limiter.admit(f"ip:{stranger}", limits, 1)
            admitted += (await limiter.admit("user:ana", limits, 1)).reading.admitted
        assert len(limiter) == 100
        assert admitted == 5, "an active caller is not forgotten to make room"

    asyncio.run(scenario())


def test_a_look_at_the_limits_uses_nothing() -> None:
    async def scenario() -> None:
        limit = RateLimit(settings(rate_limit_rpm=1, rate_limit_overrides='{"/generate": {"rpm": 7}}'))
        ana = Caller("user:ana", user="ana")
        for _ in range(5):
            told = await limit.limits(ana)
        assert told["requests"] == {"limit": 1, "window_seconds": 60, "remaining": 1, "reset_seconds": 0}
        assert told["endpoints"]["/generate"]["requests"]["remaining"] == 7

    asyncio.run(scenario())


def test_a_decision_in_memory_takes_microseconds_and_does_not_yield() -> None:
    limiter, limits = MemoryLimiter(), Limits(10**9, 60 * SECOND, 10**9, 10**12)

    def decide() -> None:
        decision = limiter.admit("user:ana", limits, 1000)
        with pytest.raises(StopIteration) as answered:
            decision.send(None)  # a coroutine that yields would return here instead
        answered.value.value.settle(10)

    fastest = 1.0
    for _ in range(50):
        started = time.perf_counter()
        for _ in range(20):
            decide()
        fastest = min(fastest, (time.perf_counter() - started) / 20)
    assert fastest < 50e-6, f"{fastest * 1e6:.1f} µs"
