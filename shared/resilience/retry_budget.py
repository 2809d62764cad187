"""The number of retries that a service may make, so that retries never become the load that keeps an upstream down.

In: calls that are made, retries that are requested. Out: yes or no. After Finagle's RetryBudget, one for each upstream.
Reads only the clock it is given. Knows nothing of what failed.
"""

import time
from collections.abc import Callable

QUIET = 1.0  # seconds without a request for a retry, after which the reserve fills up again


class RetryBudget:
    """In any burst, at most `ratio` retries for each call, and `reserve` more.

    Each quiet second puts one retry back, so that a service with few calls has some when it needs them.
    """

    def __init__(self, ratio: float, reserve: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.ratio = ratio
        self._most = max(1.0, reserve)  # retries that can be saved up
        self._clock = clock
        self._balance = reserve
        self._asked = clock()

    # region: budget-spent
    def deposit(self) -> None:
        """Count a call."""
        self._put(self.ratio)

    def withdraw(self) -> bool:
        """May a call be retried?"""
        now = self._clock()
        quiet, self._asked = now - self._asked, now
        if quiet > QUIET:
            self._put(quiet)
        if self._balance < 1:
            return False
        self._balance -= 1
        return True

    # endregion: budget-spent

    def _put(self, retries: float) -> None:
        self._balance = min(self._balance + retries, self._most)


class RetryBudgets:
    """One for each upstream, each with the same rules: RETRY_BUDGET and RETRY_BUDGET_RESERVE."""

    def __init__(self, ratio: float, reserve: float) -> None:
        self.ratio = ratio
        self.reserve = reserve
        self._budgets: dict[str, RetryBudget] = {}

    def of(self, upstream: str) -> RetryBudget:
        budget = self._budgets.get(upstream)
        if budget is None:
            budget = self._budgets[upstream] = RetryBudget(self.ratio, self.reserve)
        return budget
