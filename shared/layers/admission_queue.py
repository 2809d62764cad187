"""Admit as many calls at once as the upstream can take, queue a limited number of others, and refuse the rest early.

In: a Call. Out: its reply, or Overloaded, with a Retry-After computed from how long calls take. A call keeps its place
until it ends, a stream until its last token. Knows nothing of the layers further in.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Gauge

from shared.pipeline.call import Call
from shared.pipeline.errors import Overloaded
from shared.pipeline.layer import Handler
from shared.pipeline.reply import Reply, TokenStream
from shared.resilience.fair_queue import FairQueue

FULL, TIMEOUT = "queue_full", "queue_timeout"
WEIGHT = 0.1  # of the latest call in the average duration

Turn = asyncio.Future[str]  # empty: go ahead; otherwise the reason why not

depth = Gauge("inference_queue_depth", "Calls waiting for a place", multiprocess_mode="livesum")
shed_total = Counter("gateway_shed_total", "Calls refused without a place, by reason", ["reason"])
shed = {reason: shed_total.labels(reason) for reason in (FULL, TIMEOUT)}  # there from the start, at 0


class AdmissionQueue:
    """`slots` calls at the same time; `size` more may wait, each at most `timeout` seconds.

    Callers take turns, and the caller with the most waiting calls makes room for others: none can fill it alone.
    """

    def __init__(self, slots: int, size: int, timeout: float) -> None:
        self.slots = slots
        self.size = size
        self.timeout = timeout
        self._in_use = 0
        self._line: FairQueue[Turn] = FairQueue()
        self._held = 0.0  # seconds that a call holds its place, on average

    async def __call__(self, call: Call, next: Handler) -> Reply:
        await self._enter(call)
        entered = time.monotonic()
        try:
            reply = await next(call)
        except BaseException:
            self._leave(entered)
            raise
        if isinstance(reply, TokenStream):
            call.on_done(lambda _: self._leave(entered))
        else:
            self._leave(entered)
        return reply

    async def _enter(self, call: Call) -> None:
        if self._in_use < self.slots:
            self._in_use += 1
            return
        caller, asked = call.caller.id, time.monotonic()
        turn = self._stand_in_line(caller)
        timer = asyncio.get_running_loop().call_later(self.timeout, _tell, turn, TIMEOUT)
        try:
            if refusal := await turn:
                raise self._overloaded(refusal)
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.result():
                self._pass_on()  # the call got its place just as it was cancelled
            raise
        finally:
            timer.cancel()
            self._line.leave(caller, turn)
            depth.set(len(self._line))
            call.queued_seconds += time.monotonic() - asked

    def _stand_in_line(self, caller: str) -> Turn:
        if len(self._line) >= self.size:
            greedy = self._line.give_way(caller)
            if greedy is None:
                raise self._overloaded(FULL)
            _tell(greedy, FULL)
        turn: Turn = asyncio.get_running_loop().create_future()
        self._line.join(caller, turn)
        depth.set(len(self._line))
        return turn

    def _leave(self, entered: float) -> None:
        self._held += (time.monotonic() - entered - self._held) * (WEIGHT if self._held else 1)
        self._pass_on()

    def _pass_on(self) -> None:
        """Give the free place to the next call in the queue."""
        while self._line:
            if _tell(self._line.pop(), ""):
                return
        self._in_use -= 1

    def _overloaded(self, reason: str) -> Overloaded:
        shed[reason].inc()
        said = "the queue is full" if reason == FULL else f"no place came free within {self.timeout:g} seconds"
        # Little's law: a new call waits until all calls before it have had a place.
        wait = (len(self._line) + 1) * self._held / self.slots
        return Overloaded(
            f"too many calls at the same time, and {said}; try again later", code=reason, retry_after=wait
        )

    def checks(self) -> Mapping[str, Any]:
        """For GET /health."""
        return {"admission_queue": {"slots": self.slots, "in_use": self._in_use, "waiting": len(self._line)}}


def _tell(turn: Turn, answer: str) -> bool:
    """False if the call already has an answer, or was cancelled."""
    if turn.done():
        return False
    turn.set_result(answer)
    return True
