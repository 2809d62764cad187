"""A fair queue: the callers take turns, and each caller's own requests are served in order of arrival.

In: waiters, each with its caller. Out: the next waiter. Knows nothing of time, nor of what they wait for.
"""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

W = TypeVar("W")


class FairQueue(Generic[W]):
    """The waiters, by caller; the caller at the front is next."""

    def __init__(self) -> None:
        self._callers: OrderedDict[str, deque[W]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def join(self, caller: str, waiter: W) -> None:
        self._callers.setdefault(caller, deque()).append(waiter)
        self._length += 1

    def pop(self) -> W:
        """Takes out the next waiter. Its caller has another turn after all the other callers."""
        caller, waiting = next(iter(self._callers.items()))
        self._callers.move_to_end(caller)
        waiter = waiting[0]
        self.leave(caller, waiter)
        return waiter

    def give_way(self, newcomer: str) -> W | None:
        """Takes out the last waiter of the greediest caller; None if `newcomer` is, or would be, as greedy."""
        caller, waiting = max(self._callers.items(), key=lambda item: len(item[1]), default=("", deque[W]()))
        if len(waiting) <= len(self._callers.get(newcomer, ())) + 1:
            return None
        waiter = waiting[-1]
        self.leave(caller, waiter)
        return waiter

    def leave(self, caller: str, waiter: W) -> None:
        """Removes `waiter`. Does nothing if it has already left."""
        waiting = self._callers.get(caller, deque[W]())
        if waiter in waiting:
            waiting.remove(waiter)
            self._length -= 1
            if not waiting:
                del self._callers[caller]
