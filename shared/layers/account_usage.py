"""Record the usage of each call in its caller's account.

In: a Call. Out: its reply, unchanged. Counts every call that gets this far when it is settled: a stream with all its
tokens, a failed call with none. Further out in the stack, this layer would also count refused calls.
"""

from shared.accounts.usage import UsageLedger
from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


class AccountUsage:
    def __init__(self, ledger: UsageLedger) -> None:
        self.ledger = ledger

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.on_done(lambda outcome: self.ledger.record(call.caller.id, outcome))
        return await next(call)
