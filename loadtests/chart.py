"""What pictures of a run over time are drawn with: panels, one above the other, that share one time axis, as SVG.

In: steps of time, each with its number in `at`, and a function that finds a step's value. Out: pieces of SVG, as text
small enough to be read in a diff. Colours are the picture's own. Knows nothing of what the values mean.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Generic, Protocol, TypeVar

WIDTH, LEFT, RIGHT = 760, 40, 12
TOP, TITLE, GAP, BOTTOM = 68, 24, 18, 40  # above the first panel, each panel's head, between two, below the last one
MOST_TICKS = 12  # of the time axis
TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300)  # seconds between two of them
LETTER, BOLD_LETTER = 6.1, 7.4  # the width of a letter, in a legend and in a head
LATENCIES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)  # seconds, on a logarithmic scale

Legend = Sequence[tuple[str, str]]  # pairs of a CSS class and a text


class Timed(Protocol):
    """One step of time."""

    @property
    def at(self) -> int: ...


Step = TypeVar("Step", bound=Timed)
Value = Callable[[Step], float | None]


@dataclass(slots=True, frozen=True)
class Panel:
    """A strip of the picture, from `top` to `bottom`, for values from `low` to `high`."""

    top: float
    bottom: float
    low: float
    high: float
    logarithmic: bool = False

    def y(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return self.bottom - self._share(math.log(value), math.log(self.low), math.log(self.high))
        return self.bottom - self._share(value, self.low, self.high)

    def _share(self, value: float, low: float, high: float) -> float:
        return (value - low) / (high - low) * (self.bottom - self.top)


class Chart(Generic[Step]):
    """The frame: one panel for each of `heights`, and `step_s` seconds of time for each step."""

    def __init__(self, steps: Sequence[Step], heights: Sequence[int], step_s: float = 1.0) -> None:
        self.steps, self.step_s = steps, step_s
        self.floor = TOP + sum(heights) + len(heights) * TITLE + (len(heights) - 1) * GAP
        self.next_top: float = TOP

    def axis(self) -> Iterator[str]:
        length = len(self.steps) * self.step_s
        apart = next((apart for apart in TICKS if length / apart <= MOST_TICKS), TICKS[-1])
        for tick in range(0, math.floor(length) + 1, apart):
            x = self.x(tick / self.step_s)
            yield f'<text class="tick" x="{x:.1f}" y="{self.floor + 16}" text-anchor="middle">{tick}</text>'
        yield f'<text class="tick" x="{WIDTH - RIGHT}" y="{self.floor + 32}" text-anchor="end">seconds</text>'

    def x(self, step: float) -> float:
        return LEFT + step / len(self.steps) * (WIDTH - LEFT - RIGHT)

    def panel(self, height: float, low: float, high: float, logarithmic: bool = False) -> Panel:
        top = self.next_top + TITLE
        self.next_top = top + height + GAP
        return Panel(top, top + height, low, high or 1, logarithmic)

    def head(self, panel: Panel, title: str, legend: Legend) -> Iterator[str]:
        y, x = panel.top - 7, LEFT + BOLD_LETTER * len(title) + 16
        yield f'<text class="head" x="{LEFT}" y="{y}">{title}</text>'
        for name, words in legend:
            if name.startswith("line"):
                yield f'<path class="{name}" d="M{x:.0f} {y - 4}h18"/>'
            elif name:
                yield f'<rect class="{name}" x="{x:.0f}" y="{y - 9}" width="18" height="9" rx="1"/>'
            x += 23 * bool(name)
            yield f'<text x="{x:.0f}" y="{y}">{escape(words, quote=False)}</text>'
            x += LETTER * len(words) + 16

    def grid(self, panel: Panel, at: Sequence[float]) -> Iterator[str]:
        for tick in at:
            y = panel.y(tick)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'

    def bars(self, name: str, panel: Panel, of: Value[Step], above: Value[Step] = lambda _: 0) -> str:
        """All bars in one shape: a rectangle for each step, from `above` upwards."""
        drawn = []
        for step in self.steps:
            if value := of(step):
                foot = above(step) or 0
                x, end, y, bottom = self.x(step.at), self.x(step.at + 1), panel.y(foot + value), panel.y(foot)
                drawn.append(f"M{x:.1f} {bottom:.1f}V{y:.1f}H{end:.1f}V{bottom:.1f}Z")
        return f'<path class="{name}" d="{"".join(drawn)}"/>' if drawn else ""

    def stairs(self, name: str, panel: Panel, of: Value[Step]) -> str:
        drawn, last = "", None
        for step in self.steps:
            if (value := of(step)) is not None and value != last:
                x, y = f"{self.x(step.at):.1f}", f"{panel.y(value):.1f}"
                drawn += f"M{x} {y}" if last is None else f"H{x}V{y}"
                last = value
        return f'<path class="line {name}" d="{drawn}H{self.x(len(self.steps)):.1f}"/>' if drawn else ""

    def line(self, name: str, panel: Panel, of: Value[Step]) -> str:
        drawn, gap = "", True
        for step in self.steps:
            if (value := of(step)) is not None:
                drawn += f"{'M' if gap else 'L'}{self.x(step.at + 0.5):.1f} {panel.y(value):.1f}"
            gap = value is None
        return f'<path class="line {name}" d="{drawn}"/>' if drawn else ""

    def band(self, name: str, panel: Panel, lower: Value[Step], upper: Value[Step]) -> str:
        """The area between two values, for each stretch of steps that has both."""
        drawn = ""
        for has, stretch in itertools.groupby(self.steps, lambda step: lower(step) is not None):
            if has:
                drawn += "M" + "L".join(self._around(list(stretch), panel, lower, upper)) + "Z"
        return f'<path class="band {name}" d="{drawn}"/>' if drawn else ""

    def _around(self, stretch: Sequence[Step], panel: Panel, lower: Value[Step], upper: Value[Step]) -> Iterator[str]:
        for steps, of in ((stretch, upper), (stretch[::-1], lower)):
            for step in steps:
                yield f"{self.x(step.at + 0.5):.1f} {panel.y(of(step) or 0):.1f}"


def ticks(high: float) -> list[float]:
    """Whole numbers, few enough to stay readable."""
    step = next(
        step for base in itertools.count() for step in (10**base, 2 * 10**base, 5 * 10**base) if high / step <= 4
    )
    return [float(tick) for tick in range(0, math.floor(high) + 1, step)]
