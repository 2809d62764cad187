"""Equal calls share the answer of the one in progress: a single call to the upstream, however many ask.

After Go's singleflight, with three differences that a gateway needs. A call that leaves does not end the flight, which
goes on until no call waits for it. Each call keeps its own deadline. Exactly one of the calls inherits the flight's
bill: the first that still waits when it lands. Knows nothing of what is kept afterwards.
"""

import asyncio
import copy
import time
from collections.abc import Callable
from dataclasses import replace

from shared.cache.parts import Fetch
from shared.pipeline.call import Call
from shared.pipeline.errors import DeadlineExceeded, ServiceError
from shared.pipeline.outcome import Ending, Outcome
from shared.pipeline.reply import Completion

# A call whose flight ended at another call's deadline starts a new one if this share of its own time is left. With
# less, calls that came almost together would each start one more hopeless flight.
WORTHWHILE = 0.1


# region: single-flight
class SingleFlight:
    """The flights in progress, by key."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._flights

    async def answer(self, key: str, call: Call, fetch: Fetch) -> Completion:
        """The answer of the flight for `key`, started with `fetch` if there is none. `cached`: another call pays.

        Raises what the flight raised.
        """
        while True:
            # region: single-flight-answer
            flight = self._flights.get(key) or self._begin(key, call, fetch)
            # endregion: single-flight-answer
            try:
                return await flight.landing(call)
            except DeadlineExceeded:
                if not flight.has_time_left(call):
                    raise

    def _begin(self, key: str, call: Call, fetch: Fetch) -> "Flight":
        def over() -> None:
            if self._flights.get(key) is flight:
                del self._flights[key]

        flight = self._flights[key] = Flight(call, fetch, over)
        return flight


# endregion: single-flight


class Flight:
    """One fetch, and the calls that wait for it.

    It has its own task and its own call, because both may outlive the call that started them.
    """

    def __init__(self, call: Call, fetch: Fetch, over: Callable[[], None]) -> None:
        self.call = call.detached()
        self._over = over
        self._waiting = 0
        self._billed = False
        self._task = asyncio.create_task(self._fly(fetch))
        self._task.add_done_callback(_look_at_the_error)

    async def _fly(self, fetch: Fetch) -> Completion:
        try:
            return await fetch(self.call)
        finally:
            self._over()

    async def landing(self, call: Call) -> Completion:
        """Wait, at most until `call`'s own deadline; then take the bill, or the answer for free."""
        # region: flight-landing
        self._waiting += 1
        try:
            reply = await self._landed(call)
            return reply if self._bill(call) else replace(reply, cached=True)
        except ServiceError as error:
            if isinstance(error, DeadlineExceeded) and self.has_time_left(call):
                self._write_off(error)
            else:
                self._bill(call)
            raise copy.copy(error) from None  # each call notes its own headers on its error
        finally:
            self._waiting -= 1
            if not self._waiting and not self._billed:
                self._abandon()
        # endregion: flight-landing

    def has_time_left(self, call: Call) -> bool:
        """This flight is out of time: is it worthwhile for `call` to try again? Equal calls may take equally long."""
        if self.call.deadline is None or call.started <= self.call.started:
            return False
        allowance = self.call.deadline - self.call.started
        return call.started + allowance - time.perf_counter() > allowance * WORTHWHILE

    async def _landed(self, call: Call) -> Completion:
        asked = time.perf_counter()
        try:
            return await self._in_time(call)
        finally:
            call.upstream_seconds += time.perf_counter() - asked  # the call with the bill inherits the true number
            if call.trace is not None:
                call.trace.waits_for(self.call.trace)

    async def _in_time(self, call: Call) -> Completion:
        if call.started >= self.call.started:  # the flight's deadline comes first
            return await asyncio.shield(self._task)
        await asyncio.sleep(0)  # it may have just begun, without its deadline yet
        late = call.started - self.call.started
        try:
            async with asyncio.timeout(self.call.remaining() + late if self.call.deadline is not None else None):
                return await asyncio.shield(self._task)
        except TimeoutError:
            raise DeadlineExceeded("no answer from the upstream in time") from None

    def _bill(self, call: Call) -> bool:
        """True for the first call after the landing: it inherits the flight's usage and its layers' notes."""
        if self._billed or not self._task.done():
            call.metadata |= self.call.metadata
            call.response_headers |= self.call.response_headers
            call.log_fields |= self.call.log_fields
            return False
        self._billed = True
        call.inherit(self.call)
        return True

    def _write_off(self, error: ServiceError) -> None:
        """Only the flight's time is up: its layers learn of the end, and no call is charged for it."""
        if not self._billed:
            self._billed = True
            self.call.finish(Outcome(Ending.FAILED, error=error))

    def _abandon(self) -> None:
        self._over()
        self._task.cancel()
        self.call.finish(Outcome(Ending.LEFT))


def _look_at_the_error(task: asyncio.Task[Completion]) -> None:
    # All calls may have left before it failed; asyncio would warn that its exception was never read.
    if not task.cancelled():
        task.exception()
