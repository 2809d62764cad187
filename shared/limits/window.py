"""Exact sliding windows over one caller's admissions: a log with the time and the tokens of each admission.

One log serves all three limits: requests and tokens in a window, requests in an hour. There are no buckets and no
averages, so no window ever holds more than its limit, wherever it starts. Only admissions are logged. If refusals
counted, a caller that keeps asking would lock itself out, and no Retry-After could be true. So a refusal costs nothing
here. All times are whole microseconds, and the clock is read outside. Knows nothing of callers.
"""

from array import array
from typing import NamedTuple

from shared.limits.allowance import HOUR, Limits

NEVER = -1  # the wait of a request that will never fit


class Reading(NamedTuple):
    """The content of the windows, and the time (microseconds) until they hold less."""

    requests: int
    hourly: int
    tokens: int
    wait_requests: int  # until one more request fits; 0: it fits now
    wait_hourly: int
    wait_tokens: int  # until the requested tokens fit; NEVER: they exceed the limit
    next_release: int  # until the oldest admission leaves the window
    next_hourly: int
    latest: int  # since the latest admission; the window is empty once this exceeds it

    @property
    def admitted(self) -> bool:
        return not (self.wait_requests or self.wait_hourly or self.wait_tokens)

    def after(self, tokens: int, limits: Limits) -> "Reading":
        """The state after a request of `tokens` is admitted."""
        return Reading(
            self.requests + 1,
            self.hourly + 1,
            self.tokens + tokens,
            0,
            0,
            0,
            self.next_release or limits.window,
            self.next_hourly or HOUR,
            0,
        )


class AdmissionLog:
    """Sixteen bytes per admission, constant time per decision (amortised; a refusal for tokens walks the log)."""

    __slots__ = ("_dropped", "_hour_start", "_times", "_tokens", "_window_start", "held")

    def __init__(self) -> None:
        self._times = array("q")
        self._tokens = array("q")
        self._dropped = 0  # entries ever removed from the front: a serial number minus this is an index
        self._window_start = 0  # index of the first entry that is still in the window
        self._hour_start = 0
        self.held = 0  # tokens in the window

    def __len__(self) -> int:
        return len(self._times)

    def read(self, now: int, limits: Limits, tokens: int) -> Reading:
        """The state at `now`, and whether one request of `tokens` fits."""
        times = self._times
        self._let_go(now, limits)
        end, window_start, hour_start = len(times), self._window_start, self._hour_start
        requests, hourly = end - window_start, end - hour_start
        leaving, leaving_hourly = limits.window - now, HOUR - now
        return Reading(
            requests,
            hourly,
            self.held,
            times[-limits.requests] + leaving if requests >= limits.requests else 0,
            times[-limits.hourly] + leaving_hourly if hourly >= limits.hourly else 0,
            self._wait_for(tokens, leaving, limits.tokens) if self.held + tokens > limits.tokens else 0,
            times[window_start] + leaving if requests else 0,
            times[hour_start] + leaving_hourly if hourly else 0,
            now - times[-1] if end else limits.horizon,
        )

    # region: window-admission
    def add(self, now: int, tokens: int) -> int:
        """Log an admission. Returns its serial number, for `settle`."""
        self._times.append(now)
        self._tokens.append(tokens)
        self.held += tokens
        return self._dropped + len(self._times) - 1

    # endregion: window-admission

    def settle(self, serial: int, used: int) -> None:
        """Replace the reserved tokens by the tokens used.

        An admission that has left its window does not change.
        """
        index = serial - self._dropped
        if index >= self._window_start:
            self.held += used - self._tokens[index]
            self._tokens[index] = used

    def _let_go(self, now: int, limits: Limits) -> None:
        times, end = self._times, len(self._times)
        # region: window-slides
        start, limit = self._window_start, now - limits.window
        while start < end and times[start] <= limit:
            self.held -= self._tokens[start]
            start += 1
        self._window_start = start
        # endregion: window-slides
        start, limit = self._hour_start, now - HOUR
        while start < end and times[start] <= limit:
            start += 1
        self._hour_start = start
        outdated = min(self._window_start, start)
        if outdated * 4 > end:  # over a quarter is outdated: each removed entry costs three moves at most
            self._drop(outdated)

    def _drop(self, outdated: int) -> None:
        del self._times[:outdated]
        del self._tokens[:outdated]
        self._dropped += outdated
        self._window_start -= outdated
        self._hour_start -= outdated

    def _wait_for(self, tokens: int, leaving: int, limit: int) -> int:
        if tokens > limit:
            return NEVER
        missing = self.held + tokens - limit
        index = self._window_start
        while (missing := missing - self._tokens[index]) > 0:
            index += 1
        return self._times[index] + leaving
