"""Retry failed calls, but only if a retry is safe and likely to help.

The only place in the service that retries. In: a Call. Out: the first good reply, or the last error. Retries on 429,
5xx, connection faults and time-outs to connect; never if the upstream rejected the request itself. A stream is retried
only before its first token: after that, the reply has left this layer. tenacity runs the loop; this module decides
what may help, how long to wait and when to stop.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from functools import partial

from prometheus_client import Counter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from shared.pipeline.call import Call
from shared.pipeline.errors import UpstreamError, UpstreamRateLimited
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply
from shared.resilience.retry_budget import RetryBudget, RetryBudgets

LONGEST_DELAY = 10.0  # seconds
JITTER = 0.2  # so that calls that failed together do not retry together

retries_total = Counter("gateway_retries_total", "Tries after the first, by upstream", ["upstream"])


# region: retry
class Retry:
    """At most `max_retries` tries after the first, `delay` seconds before the first of them, doubling.

    With `budgets`, all calls to an upstream together retry no more than its budget allows.
    """

    def __init__(self, max_retries: int, delay: float, budgets: RetryBudgets | None = None) -> None:
        self.max_retries = max_retries
        self.delay = delay
        self.budgets = budgets or RetryBudgets(ratio=0, reserve=math.inf)

    # region: retry-loop
    async def __call__(self, call: Call, next: Handler) -> Reply:
        budget = self.budgets.of(call.target.upstream)
        budget.deposit()
        try:
            return await next(call)
        except UpstreamError as error:
            failed = error
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_help),
            wait=lambda state: self.backoff(state.attempt_number - 1, _error_of(state)),
            stop=partial(self._is_over, call, budget),
            before_sleep=lambda _: _count(call),
            retry_error_callback=_give_up,
            sleep=asyncio.sleep,
        )
        return await retrying(_after(failed, partial(next, call)))

    # endregion: retry-loop

    def _is_over(self, call: Call, budget: RetryBudget, state: RetryCallState) -> bool:
        """Too many tries, too little time, or no budget. The budget is asked last, because asking spends it."""
        too_late = state.attempt_number > self.max_retries or state.upcoming_sleep >= call.remaining()
        return too_late or not budget.withdraw()

    # region: backoff
    def backoff(self, retries: int, error: UpstreamError) -> float:
        """Seconds to wait: exponential with jitter, or longer if the upstream says so."""
        exponential: float = min(self.delay * 2**retries, LONGEST_DELAY) * random.uniform(1 - JITTER, 1 + JITTER)
        return max(exponential, error.retry_after or 0.0)

    # endregion: backoff


# endregion: retry


def _count(call: Call) -> None:
    call.retries += 1  # over all upstreams
    retries_total.labels(call.target.upstream).inc()


def _may_help(error: BaseException) -> bool:
    return isinstance(error, UpstreamError) and error.retryable


def _after(failed: UpstreamError, again: Callable[[], Awaitable[Reply]]) -> Callable[[], Awaitable[Reply]]:
    """The tries of a call whose first try failed. A call that succeeds at once does not go through tenacity."""
    before = [failed]

    async def attempt() -> Reply:
        if before:
            raise before.pop()
        return await again()

    return attempt


def _error_of(state: RetryCallState) -> UpstreamError:
    error = state.outcome and state.outcome.exception()
    assert isinstance(error, UpstreamError)
    return error


def _give_up(state: RetryCallState) -> Reply:
    error = _error_of(state)
    # A 429 without a Retry-After makes clients guess: tell them how long this layer would wait.
    if isinstance(error, UpstreamRateLimited) and error.retry_after is None:
        error.retry_after = state.upcoming_sleep
    raise error from None
