"""Try again, but only what is safe to repeat and likely to help.

The only place in the service that retries. In: a Call. Out: the first good reply, or the last error. Repeats on 429,
5xx, connection faults and time-outs to connect; never on what the upstream found wrong with the request itself. Of a
stream only the time before its first token is repeated: after it, the reply is no longer in here. tenacity runs the
loop; what may help, how long to wait and when to stop is said here.
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
JITTER = 0.2  # so that callers that failed together do not come back together

retries_total = Counter("gateway_retries_total", "Tries after the first, by the upstream that was asked", ["upstream"])


# region: retry
class Retry:
    """At most `max_retries` tries after the first, `delay` seconds before the first of them, doubling.

    With `budgets`, all calls together retry no more than the budget of their upstream allows.
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
        """Too many tries, too little time, or no budget, which is asked last: what it gives is spent."""
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
    call.retries += 1  # of all upstreams that were asked
    retries_total.labels(call.target.upstream).inc()


def _may_help(error: BaseException) -> bool:
    return isinstance(error, UpstreamError) and error.retryable


def _after(failed: UpstreamError, again: Callable[[], Awaitable[Reply]]) -> Callable[[], Awaitable[Reply]]:
    """The tries of a call whose first one has failed: a call that succeeds at once has nothing to do with tenacity."""
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
    # A 429 without a Retry-After makes every client guess; ours would have waited this long.
    if isinstance(error, UpstreamRateLimited) and error.retry_after is None:
        error.retry_after = state.upcoming_sleep
    raise error from None
