"""A window over recent calls, and the share of them that succeeded. Reads no clock."""

from collections import deque

MOST_CALLS = 1000  # remembered per window


class RecentCalls:
    """The results of the calls of the last `window` seconds, or of the last MOST_CALLS if there were more."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._ended: deque[tuple[float, bool]] = deque()
        self._successes = 0

    def add(self, now: float, *, success: bool) -> None:
        self._ended.append((now, success))
        self._successes += success
        if len(self._ended) > MOST_CALLS:
            self._forget_one()

    def calls(self, now: float) -> int:
        while self._ended and self._ended[0][0] <= now - self._window:
            self._forget_one()
        return len(self._ended)

    @property
    def success_rate(self) -> float:
        """Of the calls that `calls` counted; 1 if there were none."""
        return self._successes / len(self._ended) if self._ended else 1.0

    def _forget_one(self) -> None:
        self._successes -= self._ended.popleft()[1]
