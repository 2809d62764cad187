"""Limit what a user may spend in a month.

In: a Call with a known caller. Out: the reply, or BudgetExceeded until the month (UTC) ends.

The layer decides from memory, without asking the database, so spending can exceed a budget: by the calls in flight when
it runs out, whose cost is unknown until they end, and by what other workers admit within USAGE_FLUSH_SECONDS.
"""

import time

from shared.accounts.usage import UsageLedger
from shared.pipeline.call import Call
from shared.pipeline.errors import BudgetExceeded
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


class Budget:
    """Refuses callers whose budget is spent. Callers without a budget pass."""

    def __init__(self, ledger: UsageLedger) -> None:
        self.ledger = ledger

    async def __call__(self, call: Call, next: Handler) -> Reply:
        caller = call.caller
        if caller.budget_usd is not None:
            spent = self.ledger.spent(caller.id)
            if spent is None:  # the first call of this user in this process and month
                await self.ledger.learn(caller.id)
                spent = self.ledger.spent(caller.id) or 0.0
            if spent >= caller.budget_usd:
                raise BudgetExceeded(
                    f"the budget of {caller.budget_usd:.6f} USD a month is spent ({spent:.6f} USD)",
                    retry_after=self.ledger.today().month_ends - time.time(),
                )
        return await next(call)
