"""One deadline for the whole call, with every retry and every wait between retries.

In: a Call. Out: its reply, in time, or DeadlineExceeded. For a stream it limits the time to the first token.
"""

import asyncio
import time

from shared.pipeline.call import Call
from shared.pipeline.errors import DeadlineExceeded
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply


# region: timeout
class Timeout:
    """Gives a call `seconds` from the moment it arrived."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    @property
    def most(self) -> float:
        return self.seconds

    # region: timeout-call
    async def __call__(self, call: Call, next: Handler) -> Reply:
        call.deadline = call.started + self.seconds
        left = call.deadline - time.perf_counter()
        try:
            async with asyncio.timeout(left):
                return await next(call)
        except TimeoutError:
            raise DeadlineExceeded(f"no answer from the upstream within {self.seconds:g} seconds") from None

    # endregion: timeout-call


# endregion: timeout
