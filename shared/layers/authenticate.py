"""Identify the caller: a user by the bearer token, or an address if there is no token.

In: a Call with its headers. Out: the reply to a call with a known caller, or Unauthorized before anything is spent.
If the database does not answer, the call gets 503: a good token is never reported as bad.
"""

from shared.accounts.identity import Identity
from shared.pipeline.call import Call
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


class Authenticate:
    """Sets `call.caller`, which all layers further in use."""

    def __init__(self, authenticator: Identity) -> None:
        self.authenticator = authenticator

    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.caller = await self.authenticator.identify(call.headers, call.peer)
        call.log_fields["caller"] = call.caller.id
        self.authenticator.admit(call.caller)
        return await next(call)
