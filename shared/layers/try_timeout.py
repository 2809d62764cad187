"""One upstream's share of the call's time: who is silent for so long is not asked again, and a fallback may be.

In: a Call. Out: its reply, in time, or UpstreamTimeout, which the circuit breaker counts and Fallback answers. For a
stream it bounds the time to the first token. A cluster that has lost its last replica keeps requests until it has a new
one: without a bound on each try, a call would spend there all the time that it has.
"""

import asyncio

from shared.pipeline.call import Call
from shared.pipeline.errors import UpstreamTimeout
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


class TryTimeout:
    """`seconds` for each try; 0 for as long as the call has. Innermost: what is inside of it is one try."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    # region: try
    async def __call__(self, call: Call, next: Handler) -> Reply:
        # If the call's own deadline comes first, that one says so.
        if not 0 < self.seconds < call.remaining():
            return await next(call)
        try:
            async with asyncio.timeout(self.seconds):
                return await next(call)
        except TimeoutError:
            message = f"no answer from the upstream within the {self.seconds:g} seconds of a try"
            raise UpstreamTimeout(message, retryable=False) from None

    # endregion: try
