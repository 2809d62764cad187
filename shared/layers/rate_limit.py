"""Limit the requests and the tokens of each caller.

In: a Call with a known caller. Out: the reply, with what remains in its headers, or RateLimited with an exact
Retry-After. Tokens are reserved before the model is called; when the call ends, in whatever way, the reservation is
corrected to the tokens used. Knows nothing of how counts are kept: see shared/limits.
"""

from typing import Any

from prometheus_client import Counter

from shared.limits.allowance import HOUR, MOST, SECOND, Allowances, counted_as, key_of
from shared.limits.failover import SharedLimiter
from shared.limits.headers import headers
from shared.limits.memory import MemoryLimiter
from shared.limits.verdict import Limiter, Verdict
from shared.limits.window import NEVER
from shared.pipeline.call import Call, Caller
from shared.pipeline.errors import RateLimited
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.settings import Settings
from shared.stores.redis import RedisLink
from shared.upstream.openai_wire import worst_case

refusals_total = Counter("gateway_rate_limit_refusals_total", "Requests refused, by limit", ["limit"])
refusals = {limit: refusals_total.labels(limit) for limit in ("requests", "hour", "tokens")}  # from the start, at 0


# region: rate-limit
class RateLimit:
    """Applies the RATE_LIMIT_* settings. All workers count together in `redis`, or each one alone with its share.

    `workers`: how many processes share the limits; UVICORN_WORKERS by default. Raises BadSetting.
    """

    def __init__(self, settings: Settings, redis: RedisLink | None = None, *, workers: int | None = None) -> None:
        workers = workers or settings.workers
        self.allowances = Allowances(settings)
        self.limiter: Limiter = SharedLimiter(redis, workers) if redis else MemoryLimiter(workers)

    async def open(self) -> None:
        await self.limiter.open()

    async def close(self) -> None:
        await self.limiter.close()

    # region: rate-limit-call
    async def __call__(self, call: Call, next: Handler) -> Reply:
        scope = self.allowances.scope_of(call.endpoint)
        limits = self.allowances.limits_of(call.caller, scope)
        # Reserve the worst case now: a hundred calls that start together must not each see
        # the same room.
        tokens = worst_case(call.request)
        verdict = await self.limiter.admit(key_of(call, scope), limits, tokens)
        call.response_headers.update(headers(verdict))
        if not verdict.reading.admitted:
            raise refusal(call, verdict, tokens)
        call.on_done(lambda outcome: verdict.settle(min(outcome.spent.total, MOST)))
        return await next(call)

    # endregion: rate-limit-call

    async def limits(self, caller: Caller) -> dict[str, Any]:
        """The caller's limits and what remains of them, for all endpoints and for those with limits of their own."""
        standings = {}
        for scope in self.allowances.scopes:
            limits = self.allowances.limits_of(caller, scope)
            standings[scope] = _standing(await self.limiter.look(counted_as(caller.id, scope), limits))
        return {**standings.pop(""), "endpoints": standings}


# endregion: rate-limit


def refusal(call: Call, verdict: Verdict, tokens: int) -> RateLimited:
    """Names the limit with the longest wait: after that wait, the caller meets no limit."""
    limits, reading = verdict.limits, verdict.reading
    window = f"{limits.window / SECOND:g} seconds"
    if reading.wait_tokens == NEVER:
        refusals["tokens"].inc()
        call.response_headers["x-should-retry"] = "false"  # OpenAI's clients repeat a 429 unless told not to
        return RateLimited(
            f"this request may use {tokens} tokens (its prompt and max_tokens), and the limit is {limits.tokens} in "
            f"{window}: no wait will help; ask for fewer",
            param="max_tokens",
            code="request_over_tokens_limit",
        )
    wait, limit = max(
        (reading.wait_requests, "requests"), (reading.wait_hourly, "hour"), (reading.wait_tokens, "tokens")
    )
    refusals[limit].inc()
    said = {
        "requests": f"{limits.requests} requests in {window}",
        "hour": f"{limits.hourly} requests in an hour",
        "tokens": f"{limits.tokens} tokens in {window}, and this request may use {tokens}",
    }[limit]
    return RateLimited(
        f"the limit is {said}; the next request fits in {wait / SECOND:.3f} seconds",
        code="tokens_limit_exceeded" if limit == "tokens" else "rate_limit_exceeded",
        retry_after=wait / SECOND,
    )


def _standing(verdict: Verdict) -> dict[str, Any]:
    """`reset_seconds`: until the whole limit is available again."""
    limits, reading = verdict.limits, verdict.reading
    window, hour = (max(0, span - reading.latest) / SECOND for span in (limits.window, HOUR))
    return {
        "requests": _part(limits.requests, reading.requests, window, limits.window),
        "hour": _part(limits.hourly, reading.hourly, hour, HOUR),
        "tokens": _part(limits.tokens, reading.tokens, window, limits.window),
    }


def _part(limit: int, used: int, reset: float, span: int) -> dict[str, Any]:
    return {
        "limit": limit,
        "window_seconds": span / SECOND,
        "remaining": max(0, limit - used),
        "reset_seconds": reset if used else 0.0,
    }
