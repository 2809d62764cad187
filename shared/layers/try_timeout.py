"""Limit the time of each try: an upstream that is silent for that long is not retried, and a fallback may answer.

In: a Call. Out: its reply, in time, or UpstreamTimeout, which the circuit breaker counts and Fallback handles. For a
stream it limits the time to the first token. A cluster that has lost its last replica holds requests until it has a new
one: without a limit per try, a call would spend all its time there.
"""

import asyncio

from shared.pipeline.call import Call
from shared.pipeline.errors import UpstreamTimeout
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


class TryTimeout:
    """`seconds` for each try; 0: all the time of the call. Place it innermost: what it wraps is one try."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    # region: try
    async def __call__(self, call: Call, next: Handler) -> Reply:
        # If the call's own deadline comes first, its layer reports it.
        if not 0 < self.seconds < call.remaining():
            return await next(call)
        try:
            async with asyncio.timeout(self.seconds):
                return await next(call)
        except TimeoutError:
            message = f"no answer from the upstream within the {self.seconds:g} seconds of a try"
            raise UpstreamTimeout(message, retryable=False) from None

    # endregion: try
