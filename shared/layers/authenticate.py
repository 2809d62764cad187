"""Who is calling: a bearer token becomes a caller, no token becomes an address.

In: a Call with its headers. Out: the reply to a call that knows its caller, or Unauthorized before anything is spent.
A database that does not answer is 503: nobody is told that a good token is bad.
"""

from shared.accounts.authenticator import Authenticator
from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


class Authenticate:
    """Everything further in goes by `call.caller`."""

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator = authenticator

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.caller = await self.authenticator.identify(call.headers, call.peer)
        call.log_fields["caller"] = call.caller.id
        self.authenticator.admit(call.caller)
        return await next(call)
