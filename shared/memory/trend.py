"""Does memory leak? The straight line through the looks of the last minutes, and how well they lie on it.

In: bytes resident, bytes that caches hold, calls begun and in flight, look after look. Out: a Trend, and whether it
counts as a leak. Reads no clock and measures nothing.

Not all growth is a leak, so a suspicion needs all of these: the looks lie on a line; it rises by more than memory does
by chance; it has not become flatter, as it does when something warms up or fills; the load was about the same all the
time; and the growth is neither in the caches nor in the limits' memory of each call for an hour. (For the first hour, a
leak smaller than that memory hides behind it.) It does not know what leaks: tracemalloc does.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

LOOKS = 6  # per point: the lowest one counts, because memory that calls borrow for a moment is not lost
WARM_UP = 60  # looks that are not counted
FEWEST, MOST = 50, 200  # points: five to twenty minutes, at one look per second
IN_A_ROW = 10  # points that must agree

STRAIGHT = 0.95  # of 1: the least share of memory's variation that the line must explain
LEAST_GROWTH = 3_000_000  # bytes over all points
LEAST_SHARE = 0.03  # of what is resident
STILL_RISING = 0.8  # slope of the later half, as a factor of the earlier one
SAME_LOAD = 1.5  # the greatest factor between the loads of the two halves
# The resident bytes of one byte in a cache: allocators keep room between their blocks.
CACHE_COSTS = 1.25
CALL_COSTS = 64  # bytes: 16 in the log of each limit that it counts for, and room for the log to grow
REMEMBERED = 60  # minutes


@dataclass(slots=True, frozen=True)
class Look:
    """One look at memory. `at`: seconds, on a clock that never goes back; `calls` were begun since the last look."""

    at: float
    resident: int
    cached: int = 0
    calls: int = 0
    in_flight: int = 0


@dataclass(slots=True, frozen=True)
class Trend:
    """The trend of resident memory without its known parts: caches, and calls of the last hour.

    `certainty`: the share of memory's variation that a straight line explains, r², 0 to 1. `over`: seconds.
    """

    bytes_per_minute: float
    certainty: float
    over: float
    bytes_per_call: float | None = None  # None: there were no calls


@dataclass(slots=True, frozen=True)
class _Point:
    at: float
    level: float
    calls: int
    in_flight: float


class LeakDetector:
    """`see` every look. `leaks` says whether a leak is suspected; a suspicion stays until later looks contradict it."""

    def __init__(self) -> None:
        self.leaks = False
        self.trend: Trend | None = None  # None: too few looks yet
        self._points: deque[_Point] = deque(maxlen=MOST)
        self._looks: list[Look] = []
        self._to_warm_up = WARM_UP
        self._most_known = 0.0
        self._calls: deque[list[int]] = deque()  # [minute, calls] of the last hour
        self._calls_of_an_hour = 0
        self._in_a_row = 0

    def see(self, look: Look) -> None:
        self._count(look)
        # Memory that a cache once took may stay with the process when the cache shrinks, so its maximum counts.
        self._most_known = max(self._most_known, CACHE_COSTS * look.cached + CALL_COSTS * self._calls_of_an_hour)
        if self._to_warm_up:
            self._to_warm_up -= 1
            return
        self._looks.append(look)
        if len(self._looks) == LOOKS:
            self._points.append(self._point())
            self._looks.clear()
            if len(self._points) >= FEWEST:
                self._judge(list(self._points))

    def forget(self) -> None:
        """Begin again: memory was given back, so earlier looks say nothing about later ones. A suspicion stays."""
        self._points.clear()
        self._looks.clear()
        self._in_a_row = 0
        self.trend = None

    def _count(self, look: Look) -> None:
        minute = int(look.at // 60)
        if not self._calls or self._calls[-1][0] != minute:
            self._calls.append([minute, 0])
        self._calls[-1][1] += look.calls
        self._calls_of_an_hour += look.calls
        while self._calls[0][0] <= minute - REMEMBERED:
            self._calls_of_an_hour -= self._calls.popleft()[1]

    def _point(self) -> _Point:
        looks = self._looks
        return _Point(
            at=looks[-1].at,
            level=min(look.resident for look in looks) - self._most_known,
            calls=sum(look.calls for look in looks),
            in_flight=sum(look.in_flight for look in looks) / LOOKS,
        )

    def _judge(self, points: list[_Point]) -> None:
        half = len(points) // 2
        earlier, later = points[:half], points[half:]
        slope, certainty = _line(points)
        slope_before, slope_now = _line(earlier)[0], _line(later)[0]
        over = points[-1].at - points[0].at
        growth, calls = slope * over, sum(point.calls for point in points)
        self.trend = Trend(slope * 60, certainty, over, growth / calls if calls else None)
        if not _same_load(earlier, later):
            return
        much = max(LEAST_GROWTH, LEAST_SHARE * self._resident())
        if self.leaks:  # to withdraw it takes more than a doubtful minute
            self.leaks = growth > much / 2 and certainty > STRAIGHT / 2 and slope_now > slope_before / 2
            return
        rises = growth > much and certainty > STRAIGHT and slope_now > STILL_RISING * slope_before > 0
        self._in_a_row = self._in_a_row + 1 if rises else 0
        self.leaks = self._in_a_row >= IN_A_ROW

    def _resident(self) -> float:
        return self._points[-1].level + self._most_known


def _line(points: Sequence[_Point]) -> tuple[float, float]:
    """Least squares: bytes per second, and r²."""
    count = len(points)
    middle = sum(point.at for point in points) / count
    mean = sum(point.level for point in points) / count
    across = sum((point.at - middle) ** 2 for point in points)
    along = sum((point.level - mean) ** 2 for point in points)
    both = sum((point.at - middle) * (point.level - mean) for point in points)
    if not across or not along:
        return 0.0, 0.0
    return both / across, both**2 / (across * along)


def _same_load(earlier: Sequence[_Point], later: Sequence[_Point]) -> bool:
    return _alike([point.calls for point in earlier], [point.calls for point in later]) and _alike(
        [point.in_flight for point in earlier], [point.in_flight for point in later]
    )


def _alike(earlier: Sequence[float], later: Sequence[float]) -> bool:
    """Compares the averages; a difference of one or two is always alike."""
    less, more = sorted((sum(earlier) / len(earlier), sum(later) / len(later)))
    return more <= SAME_LOAD * less + 1
